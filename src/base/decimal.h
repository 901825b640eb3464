/* decimal.h: a number in text becomes the nearest double, to the last bit, whatever the locale.
 *
 * Grammar: an optional sign, digits with at most one point (a digit on at least one side of it), an optional exponent
 * e or E with an optional sign. No hexadecimal, no "inf", no "nan", no thousands separators.
 *
 * Up to 19 digits and moderate exponents take the short ways: W. D. Clinger, "How to read floating point numbers
 * accurately" (PLDI 1990), where both parts are exact doubles; D. Lemire, "Number parsing at a gigabyte per second"
 * (Software: Practice and Experience 51, 2021), a product with a 128-bit power of five. What those cannot decide goes
 * to the C library in the C locale. */
#ifndef ATTUNE_BASE_DECIMAL_H
#define ATTUNE_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

enum decimal {
  DECIMAL_NONE,    /* no number starts here */
  DECIMAL_READ,    /* *value is the nearest double (subnormals and zero included) */
  DECIMAL_TOO_BIG, /* beyond the largest double; *value is an infinity */
};

/* Reads the number that starts at **at and moves *at past it; on DECIMAL_NONE *at stays. The text must end with a
 * byte that cannot belong to a number (a NUL, a separator) and DECIMAL_PADDING readable bytes must follow it. */
#define DECIMAL_PADDING 8
enum decimal decimal_scan(const char **at, double *value);

/* The whole of `text` is one number: nothing before, nothing after. No padding is needed. */
enum decimal decimal_read(const char *text, size_t length, double *value);

#endif

/* The CSV reader and the exact numbers in it. */
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/decimal.h"
#include "arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct csv *open_text(const char *text) {
  struct csv *csv;
  assert_int_equal(csv_open_memory(&csv, &arena, text, strlen(text), "t.csv", &error), OK);
  return csv;
}

/* The error text of reading `bytes` to the end by rows, and, when `numbers`, by columns; "" if nothing was refused. */
static const char *refusal(const char *bytes, size_t length, int numbers) {
  struct csv *csv;
  struct csv_row row;
  struct csv_chunk chunk;
  memset(&error, 0, sizeof error);
  enum err err = csv_open_memory(&csv, &arena, bytes, length, "t.csv", &error);
  if (!err && numbers)
    for (size_t i = 0; i < csv_columns(csv); i++) csv_want(csv, (int)i, CSV_NUMBER);
  do
    if (!err) err = numbers ? csv_next_chunk(csv, &chunk, &error) : csv_next_row(csv, &row, &error);
  while (!err && (numbers ? chunk.rows > 0 : row.fields != NULL));
  csv_close(csv);
  assert_true(!err == !error.text[0]);
  return error.text;
}
#define REFUSED(text, numbers, expected) assert_string_equal(refusal(text, sizeof text - 1, numbers), expected)

static void rows_are_read_as_rfc4180_says(void **state) {
  (void)state;
  struct csv *csv =
      open_text("\xef\xbb\xbfname,\"no\"\"te\",x\r\n\"Zo\xc3\xab, A.\",\"two\r\nlines \"\"said\"\"\",NA\n\n\r\nb,,3");
  struct csv_row row;
  assert_int_equal(csv_columns(csv), 3);
  assert_string_equal(csv_name(csv, 0), "name");
  assert_string_equal(csv_name(csv, 1), "no\"te");
  assert_int_equal(csv_column(csv, "x"), 2);
  assert_int_equal(csv_column(csv, "y"), -1);
  assert_int_equal(csv_next_row(csv, &row, &error), OK);
  assert_int_equal(row.line, 2);
  assert_string_equal(row.fields[0], "Zo\xc3\xab, A.");
  assert_string_equal(row.fields[1], "two\r\nlines \"said\"");
  assert_true(csv_missing(row.fields[2]));
  assert_int_equal(csv_next_row(csv, &row, &error), OK);
  assert_int_equal(row.line, 6);
  assert_string_equal(row.fields[0], "b");
  assert_true(csv_missing(row.fields[1]));
  assert_false(csv_missing(row.fields[2]));
  assert_int_equal(csv_next_row(csv, &row, &error), OK);
  assert_null(row.fields);
  assert_int_equal(csv_next_row(csv, &row, &error), OK);
  assert_null(row.fields);
  csv_close(csv);
}

static void other_separators(void **state) {
  (void)state;
  struct csv *csv;
  struct csv_row row;
  const char *text = "a;b\n1,5;x\n";
  assert_int_equal(csv_open_memory_with(&csv, &arena, text, strlen(text), "t.csv", ';', &error), OK);
  assert_int_equal(csv_next_row(csv, &row, &error), OK);
  assert_string_equal(row.fields[0], "1,5");
  csv_close(csv);
}

static void bad_input_is_refused_with_its_place(void **state) {
  (void)state;
  for (int numbers = 0; numbers < 2; numbers++) {
    REFUSED("", numbers, "t.csv, line 1: the file is empty; its first line names the columns");
    REFUSED("\n\r\n", numbers, "t.csv, line 1: the file is empty; its first line names the columns");
    REFUSED("a,b\n1\n", numbers, "t.csv, line 2, column 1 (a): the row has 1 field; the header has 2");
    REFUSED("a,b\n1,2\n1,2,3,4\n", numbers, "t.csv, line 3, column 2 (b): the row has 4 fields; the header has 2");
    REFUSED("a,b\n1,\"2\n3\n", numbers, "t.csv, line 2, column 2 (b): the quote that opens here is not closed");
    REFUSED("a,b\n1,\"2\n\"\n5,\"6", numbers,
            numbers ? "t.csv, line 2, column 2 (b): '2\n' is not a number"
                    : "t.csv, line 4, column 2 (b): the quote that opens here is not closed");
    REFUSED("a,b\n1,2\"\n", numbers,
            "t.csv, line 2, column 2 (b): there is a quote inside an unquoted field; quote the whole field and double "
            "the quote");
    REFUSED("a,b\n1,\"2\"3\n", numbers, "t.csv, line 2, column 2 (b): there is text after the closing quote");
    REFUSED("a,b\r1,2\r", numbers,
            "t.csv, line 1, column 2: there is a carriage return without a line feed; save the file with LF or CRLF "
            "line ends");
    REFUSED("a,b\n1,2\n3,\0\n", numbers,
            "t.csv, line 3, column 2 (b): there is a NUL byte; is this a CSV file, and in UTF-8?");
    REFUSED("a,b\n1,2\n3,caf\xe9\n", numbers,
            "t.csv, line 3, column 2 (b): there are bytes that are not UTF-8; save the file as UTF-8");
    REFUSED("a,b\n1,2\n3,4\xc3", numbers,
            "t.csv, line 3, column 2 (b): there are bytes that are not UTF-8; save the file as UTF-8");
    REFUSED("\xff\xfe"
            "a\0",
            numbers, "t.csv, line 1: the file is in UTF-16; save it as UTF-8");
    REFUSED("a,b,a\n", numbers, "t.csv, line 1, column 3 (a): there are two columns of this name");
  }
  REFUSED("a,b\n1,2\n3,four\n", 1, "t.csv, line 3, column 2 (b): 'four' is not a number");
  REFUSED("a,b\n1,2\n3,1e999\n", 1, "t.csv, line 3, column 2 (b): '1e999' is beyond the range of a number");
  REFUSED("a,b\n1,2\n3,0x10\n", 1, "t.csv, line 3, column 2 (b): '0x10' is not a number");
  REFUSED("a,b\n1,2\n3,inf\n", 1, "t.csv, line 3, column 2 (b): 'inf' is not a number");
  struct csv *csv;
  assert_int_equal(csv_open_file(&csv, &arena, "tests/golden/no such file.csv", &error), ERR_MISSING);
  assert_null(csv);
}

static void a_missing_column_suggests_the_nearest(void **state) {
  (void)state;
  struct csv *csv = open_text("patient,therapist,rating\n");
  int column;
  assert_int_equal(csv_need_column(csv, "Therapst", &column, &error), ERR_INPUT);
  assert_string_equal(error.text, "t.csv has no column 'Therapst'; the nearest is 'therapist'");
  assert_string_equal(error.field, "Therapst");
  assert_int_equal(csv_need_column(csv, "rating", &column, &error), OK);
  assert_int_equal(column, 2);
  csv_close(csv);
  csv = open_text("patient;rating\n");
  assert_int_equal(csv_need_column(csv, "rating", &column, &error), ERR_INPUT);
  assert_non_null(strstr(error.text, "not separated by commas"));
  csv_close(csv);
}

static void columns_of_numbers_and_levels(void **state) {
  (void)state;
  struct csv *csv =
      open_text("id,x,arm,note,k\n7, 1.5 ,programme,\"a,b\",1\n8,NA,control,,x\n7,\"-2\",programme,z,1\r\n8,,NA,z,\n");
  csv_want(csv, 0, CSV_LEVELS);
  csv_want(csv, 1, CSV_NUMBER);
  csv_want(csv, 2, CSV_AUTO);
  csv_want(csv, 4, CSV_AUTO);
  struct csv_chunk chunk;
  assert_int_equal(csv_next_chunk(csv, &chunk, &error), OK);
  assert_int_equal(chunk.rows, 4);
  assert_false(chunk.restarted);
  assert_int_equal(csv_kind_of(csv, 2), CSV_LEVELS);
  assert_int_equal(csv_kind_of(csv, 4), CSV_LEVELS);
  const uint32_t ids[] = {0, 1, 0, 1}, arms[] = {0, 1, 0, CSV_NO_LEVEL}, ks[] = {0, 1, 0, CSV_NO_LEVEL};
  assert_memory_equal(chunk.codes[0], ids, sizeof ids);
  assert_memory_equal(chunk.codes[2], arms, sizeof arms);
  assert_memory_equal(chunk.codes[4], ks, sizeof ks);
  assert_null(chunk.numbers[0]);
  assert_null(chunk.numbers[3]);
  assert_true(chunk.numbers[1][0] == 1.5 && isnan(chunk.numbers[1][1]) && chunk.numbers[1][2] == -2 &&
              isnan(chunk.numbers[1][3]));
  size_t count;
  const char *const *names = csv_levels(csv, 2, &count);
  assert_int_equal(count, 2);
  assert_string_equal(names[0], "programme");
  assert_string_equal(names[1], "control");
  assert_int_equal(csv_next_chunk(csv, &chunk, &error), OK);
  assert_int_equal(chunk.rows, 0);
  csv_close(csv);
}

/* What makes repeated levels fast must not take one text for another. */
static void levels_that_begin_alike(void **state) {
  (void)state;
  struct csv *csv = open_text("g,k\nab,1\nab,1\nabc,1\n\"ab\",1\nab,1\n\"a,b\",1\na,1\r\n\"a,b\",1\nab,NA\n,1\nab,1");
  csv_want(csv, 0, CSV_LEVELS);
  csv_want(csv, 1, CSV_LEVELS);
  struct csv_chunk chunk;
  assert_int_equal(csv_next_chunk(csv, &chunk, &error), OK);
  const uint32_t expected[] = {0, 0, 1, 0, 0, 2, 3, 2, 0, CSV_NO_LEVEL, 0},
                 second[] = {0, 0, 0, 0, 0, 0, 0, 0, CSV_NO_LEVEL, 0, 0};
  assert_int_equal(chunk.rows, 11);
  assert_memory_equal(chunk.codes[0], expected, sizeof expected);
  assert_memory_equal(chunk.codes[1], second, sizeof second);
  csv_close(csv);
  csv = open_text("g,k\n\"a,b\",1\na,b,1\n");
  csv_want(csv, 0, CSV_LEVELS);
  assert_int_equal(csv_next_chunk(csv, &chunk, &error), ERR_INPUT);
  csv_close(csv);
}

#define MANY 300000

/* Far more than a buffer: rows must not depend on where the buffer is cut; `text_at` puts text into column b. */
static char *many_rows(size_t *length, int text_at) {
  char *text = malloc((size_t)MANY * 40 + 100), *at = text;
  at += snprintf(at, 50, "a,b,c\n");
  for (int i = 0; i < MANY; i++)
    at += i == text_at ? snprintf(at, 40, "%d,late,\"q\"\"%d\"\n", i, i % 5)
                       : snprintf(at, 40, "%d,%.4f,\"q\"\"%d\"\r\n", i, i / 7.0, i % 5);
  *length = (size_t)(at - text);
  return text;
}

static void check_many(struct csv *csv, int text_at) {
  csv_want(csv, 0, CSV_NUMBER);
  csv_want(csv, 1, CSV_AUTO);
  csv_want(csv, 2, CSV_LEVELS);
  struct csv_chunk chunk;
  size_t rows = 0;
  int restarts = 0;
  while (!csv_next_chunk(csv, &chunk, &error) && chunk.rows) {
    if (chunk.restarted) rows = 0, restarts++;
    assert_int_equal(chunk.first_row, rows);
    for (size_t i = 0; i < chunk.rows; i++, rows++) {
      char expected[40];
      snprintf(expected, sizeof expected, "%.4f", (double)rows / 7.0);
      if (chunk.numbers[0][i] != (double)rows) fail_msg("row %zu", rows);
      if (text_at < 0 && chunk.numbers[1][i] != strtod(expected, NULL)) fail_msg("row %zu: %s", rows, expected);
      if (chunk.codes[2][i] != rows % 5) fail_msg("row %zu", rows);
    }
  }
  assert_string_equal(error.text, "");
  assert_int_equal(rows, MANY);
  assert_int_equal(restarts, text_at > 100000);
  size_t count;
  const char *const *names = csv_levels(csv, 2, &count);
  assert_int_equal(count, 5);
  assert_string_equal(names[4], "q\"4");
  if (text_at >= 0) {
    names = csv_levels(csv, 1, &count);
    assert_int_equal(csv_kind_of(csv, 1), CSV_LEVELS);
    assert_string_equal(names[text_at], "late");
  }
}

static void rows_do_not_depend_on_the_buffer(void **state) {
  (void)state;
  for (int text_at = -1; text_at < MANY; text_at += MANY - 7) {
    size_t length;
    char *text = many_rows(&length, text_at);
    struct csv *csv;
    assert_int_equal(csv_open_memory(&csv, &arena, text, length, "many", &error), OK);
    check_many(csv, text_at);
    csv_close(csv);
    free(text);
  }
}

static void files_and_pipes(void **state) {
  (void)state;
  size_t length;
  char *text = many_rows(&length, MANY - 7), path[] = "/tmp/attune-test-csv-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, text, length), length);
  struct csv *csv;
  assert_int_equal(csv_open_file(&csv, &arena, path, &error), OK);
  check_many(csv, MANY - 7);
  csv_close(csv);
  close(fd);
  unlink(path);
  free(text);
}

/* A pipe cannot be read twice: its columns are settled by what comes first, and late text is refused. */
static void a_pipe_is_read_once(void **state) {
  (void)state;
  for (int late = 0; late < 2; late++) {
    char command[200];
    snprintf(command, sizeof command, "echo x; seq 0 399999; echo %s", late ? "text" : "5");
    FILE *pipe = popen(command, "r");
    int kept = dup(STDIN_FILENO);
    dup2(fileno(pipe), STDIN_FILENO);
    struct csv *csv;
    struct csv_chunk chunk;
    memset(&error, 0, sizeof error);
    assert_int_equal(csv_open_file(&csv, &arena, "-", &error), OK);
    csv_want(csv, 0, CSV_AUTO);
    enum err err;
    size_t rows = 0;
    while (!(err = csv_next_chunk(csv, &chunk, &error)) && chunk.rows) rows += chunk.rows;
    csv_close(csv);
    dup2(kept, STDIN_FILENO);
    close(kept);
    pclose(pipe);
    assert_int_equal(err, late ? ERR_INPUT : OK);
    if (late)
      assert_non_null(strstr(error.text, "standard input, line 400002, column 1 (x): there is text"));
    else
      assert_int_equal(rows, 400001);
  }
}

static void ten_thousand_levels_keep_their_codes(void **state) {
  (void)state;
  char *text = malloc(20 * 20000 + 10), *at = text + snprintf(text, 10, "id\n");
  for (int i = 0; i < 20000; i++) at += snprintf(at, 20, "person-%d\n", i % 10000);
  struct csv *csv;
  assert_int_equal(csv_open_memory(&csv, &arena, text, (size_t)(at - text), "levels", &error), OK);
  csv_want(csv, 0, CSV_LEVELS);
  struct csv_chunk chunk;
  size_t row = 0, count;
  while (!csv_next_chunk(csv, &chunk, &error) && chunk.rows)
    for (size_t i = 0; i < chunk.rows; i++, row++)
      if (chunk.codes[0][i] != row % 10000) fail_msg("row %zu", row);
  assert_int_equal(row, 20000);
  csv_levels(csv, 0, &count);
  assert_int_equal(count, 10000);
  csv_close(csv);
  free(text);
}

/* A chunk's texts hold still until the next chunk, over the ends of the buffer and where quotes were doubled. */
static void texts_of_a_large_file(void **state) {
  (void)state;
  enum { ROWS = 150000 };
  char *text = malloc(40 * ROWS + 20), *at = text + snprintf(text, 20, "name,x,y\n"), name[20], number[20];
  for (int i = 0; i < ROWS; i++)
    at += snprintf(at, 40,
                   i % 1000 == 7 ? "\"p\"\"%d\",%d.50,\r\n"
                   : i % 7       ? "p%d,%d.50,\n"
                                 : "p%d,\"%d.50\",NA\n\n",
                   i, i);
  struct csv *csv;
  assert_int_equal(csv_open_memory(&csv, &arena, text, (size_t)(at - text), "texts", &error), OK);
  csv_want(csv, 0, CSV_TEXT);
  csv_want(csv, 1, CSV_NUMBER_TEXT);
  csv_want(csv, 2, CSV_NUMBER_TEXT);
  struct csv_chunk chunk;
  int row = 0;
  while (!csv_next_chunk(csv, &chunk, &error) && chunk.rows)
    for (size_t i = 0; i < chunk.rows; i++, row++) {
      snprintf(name, sizeof name, row % 1000 == 7 ? "p\"%d" : "p%d", row);
      snprintf(number, sizeof number, "%d.50", row);
      const struct csv_text *got = chunk.texts[0] + i, *written = chunk.texts[1] + i;
      if (got->length != strlen(name) || memcmp(got->text, name, got->length)) fail_msg("row %d", row);
      if (written->length != strlen(number) || memcmp(written->text, number, written->length)) fail_msg("row %d", row);
      assert_true(chunk.numbers[1][i] == row + 0.5 && isnan(chunk.numbers[2][i]));
    }
  assert_int_equal(row, ROWS);
  csv_close(csv);
  free(text);
}

static void same_bits(const char *text) {
  double expected = strtod(text, NULL), got = -77;
  enum decimal result = decimal_read(text, strlen(text), &got);
  assert_int_equal(result, isinf(expected) ? DECIMAL_TOO_BIG : DECIMAL_READ);
  if (memcmp(&expected, &got, sizeof got)) fail_msg("%s: %.17g instead of %.17g", text, got, expected);
}

static uint64_t mixed(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* Against the C library's strtod(), which rounds correctly: hard published cases, then 400,000 made ones. */
static void numbers_are_exact_to_the_last_bit(void **state) {
  (void)state;
  static const char *const hard[] = {"0",
                                     "-0",
                                     "-0.0",
                                     "0e5",
                                     ".5",
                                     "5.",
                                     "+3",
                                     "1e5",
                                     "1E-5",
                                     "1e+05",
                                     "0.1",
                                     "123456789012345678",
                                     "9007199254740993",
                                     "9007199254740992.5",
                                     "9007199254740993.00000000000000000000000000000000000000000001",
                                     "1.7976931348623157e308",
                                     "1.7976931348623159e308",
                                     "2.2250738585072014e-308",
                                     "2.2250738585072011e-308",
                                     "4.9406564584124654e-324",
                                     "2.4703282292062327e-324",
                                     "2.4703282292062328e-324",
                                     "1e-400",
                                     "1e400",
                                     "6.02214076e23",
                                     "1e22",
                                     "1e23",
                                     "8.5e22",
                                     "18446744073709551615",
                                     "18446744073709551616",
                                     "9999999999999999999",
                                     "0.000000000000000000000000000000000000000000000000012345678901234567890123",
                                     "7.2057594037927933e16",
                                     "1.00000000000000011102230246251565404236316680908203125",
                                     "1.00000000000000011102230246251565404236316680908203124",
                                     "1.00000000000000033306690738754696212708950042724609375",
                                     "30078505129381147446200",
                                     "1e99999999999999999999",
                                     "0e99999999999999999999",
                                     "1e-99999999999999999999"};
  for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) same_bits(hard[i]);
  for (uint64_t i = 0; i < 100000; i++) {
    uint64_t bits = mixed(i);
    char text[64];
    double value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) continue;
    snprintf(text, sizeof text, "%.17g", value);
    same_bits(text);
    snprintf(text, sizeof text, "%.16e", (double)(int64_t)bits * 1e-10 / (double)(1 + i % 977));
    same_bits(text);
    snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(mixed(bits) % 100000),
             (unsigned long long)(bits >> (i % 60)), (int)(i % 60) - 30);
    same_bits(text);
    snprintf(text, sizeof text, "%.6f", (double)(bits % 1000000007) / 977);
    same_bits(text);
  }
}

static void what_is_not_a_number(void **state) {
  (void)state;
  static const char *const bad[] = {"",   ".",     "-",   "+",   "e5",  ".e5", "1e",  "1e+", "1 ",
                                    " 1", "1.2.3", "--1", "1,5", "nan", "inf", "0x1", "1_0"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double value;
    if (decimal_read(bad[i], strlen(bad[i]), &value) != DECIMAL_NONE) fail_msg("'%s' was read", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(rows_are_read_as_rfc4180_says, setup, teardown),
      cmocka_unit_test_setup_teardown(other_separators, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_input_is_refused_with_its_place, setup, teardown),
      cmocka_unit_test_setup_teardown(a_missing_column_suggests_the_nearest, setup, teardown),
      cmocka_unit_test_setup_teardown(columns_of_numbers_and_levels, setup, teardown),
      cmocka_unit_test_setup_teardown(levels_that_begin_alike, setup, teardown),
      cmocka_unit_test_setup_teardown(rows_do_not_depend_on_the_buffer, setup, teardown),
      cmocka_unit_test_setup_teardown(files_and_pipes, setup, teardown),
      cmocka_unit_test_setup_teardown(a_pipe_is_read_once, setup, teardown),
      cmocka_unit_test_setup_teardown(ten_thousand_levels_keep_their_codes, setup, teardown),
      cmocka_unit_test_setup_teardown(texts_of_a_large_file, setup, teardown),
      cmocka_unit_test(numbers_are_exact_to_the_last_bit),
      cmocka_unit_test(what_is_not_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

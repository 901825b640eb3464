/* banned.h: functions that have no safe use here become compile errors.
 * Force-included by the Makefile into every file of src/ (after <string.h>, <stdio.h> and <stdlib.h>, whose
 * declarations would otherwise trip over the poison). Use buf_addf() or snprintf(), and the bounded copies.
 * setjmp() and longjmp() have one use, in base/arena.c: tools/checks/habits.py keeps them there. */
#ifndef ATTUNE_BASE_BANNED_H
#define ATTUNE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof system popen
#pragma GCC poison rand srand localtime gmtime ctime asctime tmpnam mktemp

#endif

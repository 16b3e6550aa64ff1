/* What the conformance program needs of JSON: files of one object, and the comparison of two texts. */
#ifndef PIPES_TESTS_JSON_H
#define PIPES_TESTS_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* A whole file, NUL-terminated. */
typedef struct json_file {
    char *text;
} json_file;

/* Ends the program with exit code 2 and a sentence when the file cannot be read or is not one JSON object. */
json_file json_file_read(const char *path);
void json_file_free(json_file *file);

/* The member's JSON text as it stands there, for the caller to free(); NULL when there is none. */
char *json_member(const json_file *file, const char *key);

/* The member's own text when it is a string, for the caller to free(); NULL when it is absent or null. */
char *json_member_text(const json_file *file, const char *key);

/* Whether both texts hold the same value: objects whatever the order of their keys, numbers by value (integers of any size
 * exactly). False: `difference` says where the first one is. */
bool json_equals(const char *actual, const char *wanted, char *difference, size_t size);

#endif

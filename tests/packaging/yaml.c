/* A YAML file as JSON: FILE. */
#include <stdio.h>

#include "ray/yaml_json.h"

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_buf json = {0};
    dpipes_status status = argc == 2 ? dpi_yaml_read_file(argv[1], DPI_YAML_JSON_MAX, &json, &err) : DPIPES_EINVAL;
    if (status == DPIPES_OK)
        puts(dpi_buf_text(&json));
    else
        fprintf(stderr, "%s\n", err.message);
    dpi_buf_fini(&json);
    return status == DPIPES_OK ? 0 : 1;
}

/* The list of devices that a factory hands over: CSV. */
#include <stdlib.h>

#include "cli/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_csv c = {.n = 0};
	struct ms_err err;
	if (ms_csv_parse("fuzz", ms_span(data, size), &c, &err) == MS_OK)
		for (size_t i = 0; i < c.n; i++)
			if (c.row[i].serial[0] == '\0' || c.row[i].model[0] == '\0' || c.row[i].line < 2)
				abort();
	ms_csv_fini(&c);
	return 0;
}

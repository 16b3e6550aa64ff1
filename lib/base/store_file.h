/* The database of a run store, in its directory. Nothing else in the process that has a store open may open its files: close(2) would end
 * SQLite's locks on them, and another process could throw away what is written from then on. */
#ifndef DPI_BASE_STORE_FILE_H
#define DPI_BASE_STORE_FILE_H

#define DPI_STORE_FILE "dpipes.db" /* others beside it begin so */

#endif

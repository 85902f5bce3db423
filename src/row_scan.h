/* How a row from one of the extension's functions in FROM is fetched. */
#ifndef TIXBOOK_ROW_SCAN_H
#define TIXBOOK_ROW_SCAN_H

extern void row_scan_init(void);

#endif

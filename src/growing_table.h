/* Plans that stay good while a sale fills the tables. */
#ifndef TIXBOOK_GROWING_TABLE_H
#define TIXBOOK_GROWING_TABLE_H

extern void growing_table_init(void);

#endif

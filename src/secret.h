/* Random bytes that nobody can guess. */
#ifndef TIXBOOK_SECRET_H
#define TIXBOOK_SECRET_H

extern void secret_bytes(void *bytes, Size length);

#endif

/* What a caller of the type may be refused, one helper a reason. */
#ifndef TIXBOOK_SEATMAP_CHECK_H
#define TIXBOOK_SEATMAP_CHECK_H

#include "utils/array.h"

#include "seatmap.h"

extern int32 CheckCapacity(int64 capacity);
extern int32 CheckSeat(const Seatmap *map, int32 seat);
extern void CheckSameCapacity(const Seatmap *a, const Seatmap *b);
extern void CheckInside(int32 first, int32 count, int32 capacity);
extern void CheckBitsLength(Size bytes, int32 capacity);
extern void CheckPadding(const Seatmap *map);
extern const int32 *CheckSeatArray(ArrayType *seats, int *count);	/* its elements */

#endif

/* Inside of functions/: case of UTF-8 text in the C.UTF-8 locale, one to one by code point. */
#ifndef WEIR_FUNCTIONS_TEXT_CASE_H
#define WEIR_FUNCTIONS_TEXT_CASE_H

#include "types/batch.h"

/* The whole text, in the arena. */
struct str wr_text_lower(struct wr_arena *arena, struct str text);
struct str wr_text_upper(struct wr_arena *arena, struct str text);
/* Words begin after anything that is not a letter or digit. */
struct str wr_text_initcap(struct wr_arena *arena, struct str text);

#endif

/* Writes of sessions to tables: lists of compare-and-set writes, spooled to a file beyond a few megabytes; the overlay
 * of a transaction; applying them on the loop thread, all or nothing. */
#ifndef WEIR_ENGINE_WRITES_H
#define WEIR_ENGINE_WRITES_H

#include "engine/engine.h"

struct write_list; /* writes to one table, in order */

/* An empty list of writes to the table as it is now; to be freed before the database is closed. */
struct write_list *wr_writes_new(weir_db *db, const struct object *table);
void wr_writes_free(struct write_list *list);
/* How many writes are in it. */
int64_t wr_writes_count(const struct write_list *list);
/* How the table keeps its rows; lives as long as the list. */
const struct relation *wr_writes_relation(const struct write_list *list);
/* Copies the bytes. */
bool wr_writes_add(struct write_list *list, const struct table_write *write, struct wr_error *err) WR_MUST;
/* Encode rows of the table (hidden row id included) and add them as inserts. blind: overwrite. */
bool wr_writes_insert(struct write_list *list, struct wr_arena *arena, const struct batch *rows, bool blind,
                      struct wr_error *err) WR_MUST;
/* Visible columns -> rows with row ids assigned; casts are done. NOT NULL is checked. */
bool wr_writes_insert_visible(struct write_list *list, struct wr_arena *arena, const struct batch *visible, bool blind,
                              struct wr_error *err) WR_MUST;

/* The rows of one INSERT, of which the first wrong one is to be told: a key that exists already before a NULL further
 * on. 23502, and then wr_writes_fail: the rows before are in the list, and applying it fails with what is wrong first.
 */
bool wr_writes_insert_in_order(struct write_list *list, struct wr_arena *arena, const struct batch *visible, bool blind,
                               struct wr_error *err) WR_MUST;
bool wr_writes_fail(const struct write_list *list);
/* NOT NULL of the visible columns; 23502 for the first row that breaks it. */
bool wr_writes_check_nulls(const struct relation *relation, const struct batch *visible, struct wr_error *err) WR_MUST;

/* 23505 in PostgreSQL's words for this row of the relation; returns false. */
bool wr_duplicate_key(const struct relation *relation, const char *row, struct wr_error *err);

/* Apply several lists in one commit: all or nothing, durable and visible when it returns. 23505: a key exists already;
 * 40001: a row is not what the writer saw. */
bool wr_writes_apply(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err) WR_MUST;
/* The same, already on the loop thread. */
bool wr_writes_apply_here(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err) WR_MUST;

/* Would they apply? For lists that write no key twice. */
bool wr_writes_check_here(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err) WR_MUST;

/* Visit all writes of a list, in order. */
bool wr_writes_each(const struct write_list *list,
                    bool (*visit)(void *context, const struct table_write *write, struct wr_error *err), void *context,
                    struct wr_error *err) WR_MUST;

/* ---- overlay: what a transaction has written, by table and key */

struct overlay;
/* Empty: nothing has been written yet. */
struct overlay *wr_overlay_new(weir_db *db);
void wr_overlay_free(struct overlay *overlay);
/* Fold a list in; 23505 / 40001 against what the transaction sees (its snapshot and its own writes). */
bool wr_overlay_add(struct overlay *overlay, struct snapshot *snapshot, const struct write_list *list,
                    struct wr_error *err) WR_MUST;
/* From the first mark on a journal is kept; undo takes back what was written behind the mark. */
size_t wr_overlay_mark(struct overlay *overlay);
bool wr_overlay_undo(struct overlay *overlay, size_t mark, struct wr_error *err) WR_MUST;
/* Has this key of the table been written? */
bool wr_overlay_covers(const struct overlay *overlay, uint32_t table, const char *key, uint32_t len);
bool wr_overlay_any(const struct overlay *overlay, uint32_t table);
/* The rows that the transaction has put into the table. */
typedef bool (*overlay_row)(void *context, const char *row, uint32_t len);
bool wr_overlay_rows(const struct overlay *overlay, uint32_t table, overlay_row visit, void *context);
/* As lists, for apply; the caller frees them and the array, after a failure too. overlay may be NULL. */
bool wr_overlay_lists(struct overlay *overlay, weir_db *db, struct catalog *catalog, struct write_list ***lists,
                      size_t *n, struct wr_error *err) WR_MUST;

#endif

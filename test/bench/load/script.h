/*
 * script.h: what a client does in one call.
 *
 * A script is SQL with variables (:name), each statement ended by ; or \gset,
 * and commands, one a line:
 *
 *   \set NAME random(A, B)      another number each call
 *   \set NAME walk(A, B)        A, A + 1, ... B, by each client for itself; then it is done
 *   \set NAME batch(A, B, N)    the same by all clients together, N calls with each number
 *   \list NAME SELECT ...       the rows of a query, each for one call; then all are done
 *   \results binary             how rows are sent
 *   \protocol simple            values stand in the statements, which are not prepared
 *   \connection each            each call has a connection of its own; with \protocol simple
 *
 * A, B and N are numbers or variables.  What a statement with \gset returns
 * become variables of the statements after it.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdatomic.h>

#include "load.h"

#define MAX_VARIABLES	24
#define MAX_SETTINGS	8
#define MAX_STATEMENTS	4
#define MAX_PARAMETERS	16
#define NAME_SIZE		32
#define VALUE_SIZE		64
#define STATEMENT_SIZE	8192

typedef enum SettingKind
{
	SETTING_RANDOM,
	SETTING_WALK,
	SETTING_BATCH,
	SETTING_LIST
} SettingKind;

/* How a variable gets its value for the next call. */
typedef struct Setting
{
	SettingKind kind;
	int			variable;
	int64_t		arguments[3];
	char	   *query;			/* of a list */
	char	  (*list)[VALUE_SIZE];
	int64_t		length;
	atomic_long next;			/* what all clients share */
} Setting;

typedef struct Statement
{
	char	   *sql;			/* with $1, $2, ... */
	char	   *text;			/* as it was written */
	int			nparameters;
	int			parameters[MAX_PARAMETERS]; /* variables */
	bool		gset;
} Statement;

typedef struct Script
{
	int			nvariables;
	char		names[MAX_VARIABLES][NAME_SIZE];
	char		constants[MAX_VARIABLES][VALUE_SIZE];
	int			nsettings;
	Setting		settings[MAX_SETTINGS];
	int			nstatements;
	Statement	statements[MAX_STATEMENTS];
	bool		binary;
	bool		simple;
	bool		reconnects;		/* for each call */
} Script;

/* The variables of one client. */
typedef struct Variables
{
	uint64_t	random[2];
	int64_t		walked[MAX_SETTINGS];
	char		values[MAX_VARIABLES][VALUE_SIZE];
} Variables;

extern Script *script_read(const char *path, const Options *options);

/* The variable of that name, or -1. */
extern int	script_find(const Script *script, const char *name);

extern void variables_init(const Script *script, Variables *variables, uint64_t seed);

/* A number from low to high, both included. */
extern int64_t variables_random(Variables *variables, int64_t low, int64_t high);

/* Values for the next call; false: there is none. */
extern bool script_next_call(Script *script, Variables *variables);

/* The statement with the values put into it, for a server that is sent text. */
extern int	script_render(const Script *script, const Statement *statement, const Variables *variables,
						  char *buffer, int size);

#endif

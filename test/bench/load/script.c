/* script.c: what a client does in one call.  script.h tells the language. */
#include "script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE		4096

int
script_find(const Script *script, const char *name)
{
	for (int i = 0; i < script->nvariables; i++)
		if (strcmp(script->names[i], name) == 0)
			return i;
	return -1;
}

/* The variable of that name, made if it is new. */
static int
script_variable(Script *script, const char *name)
{
	int			found = script_find(script, name);

	if (found >= 0)
		return found;
	if (script->nvariables == MAX_VARIABLES || strlen(name) >= NAME_SIZE)
		die("too many variables, or too long a name: %s", name);
	strcpy(script->names[script->nvariables], name);
	return script->nvariables++;
}

static void
define(Script *script, const char *definition)
{
	const char *equals = strchr(definition, '=');
	char		name[NAME_SIZE];

	if (equals == NULL || equals - definition >= NAME_SIZE || strlen(equals + 1) >= VALUE_SIZE)
		die("not a definition: %s", definition);
	snprintf(name, sizeof(name), "%.*s", (int) (equals - definition), definition);
	strcpy(script->constants[script_variable(script, name)], equals + 1);
}

/* The variable named at *at (behind the colon), which moves behind it; -1: there is no name. */
static int
named_variable(Script *script, const char **at)
{
	char		name[NAME_SIZE];
	int			n = 0;

	if (!isalpha((unsigned char) **at))
		return -1;
	while ((isalnum((unsigned char) **at) || **at == '_') && n < NAME_SIZE - 1)
		name[n++] = *(*at)++;
	name[n] = '\0';
	return script_variable(script, name);
}

/* $n for a variable of a statement; the same one each time. */
static int
parameter_number(Statement *statement, int variable)
{
	for (int i = 0; i < statement->nparameters; i++)
		if (statement->parameters[i] == variable)
			return i + 1;
	if (statement->nparameters == MAX_PARAMETERS)
		die("too many variables in one statement: %s", statement->text);
	statement->parameters[statement->nparameters] = variable;
	return ++statement->nparameters;
}

static void
add_statement(Script *script, const char *text, bool gset)
{
	Statement  *statement = &script->statements[script->nstatements++];
	char		sql[STATEMENT_SIZE];
	int			n = 0;

	if (script->nstatements > MAX_STATEMENTS)
		die("too many statements");
	statement->text = strdup(text);
	statement->gset = gset;
	for (const char *at = text; *at != '\0';)
	{
		const char *name = at + 1;
		int			variable = at[0] == ':' && (at == text || at[-1] != ':') ? named_variable(script, &name) : -1;

		if (n > STATEMENT_SIZE - 16)
			die("too long a statement: %s", text);
		if (variable < 0)
			sql[n++] = *at++;
		else
		{
			n += sprintf(sql + n, "$%d", parameter_number(statement, variable));
			at = name;
		}
	}
	sql[n] = '\0';
	statement->sql = strdup(sql);
}

static Setting *
add_setting(Script *script, SettingKind kind, const char *name)
{
	Setting    *setting = &script->settings[script->nsettings++];

	if (script->nsettings > MAX_SETTINGS)
		die("too many settings");
	setting->kind = kind;
	setting->variable = script_variable(script, name);
	return setting;
}

static int64_t
read_argument(Script *script, const char *text)
{
	char	   *end;
	int64_t		number;

	while (*text == ' ')
		text++;
	if (*text == ':')
		text = script->constants[script_variable(script, text + 1)];
	number = strtoll(text, &end, 10);
	if (end == text)
		die("not a number: \"%s\"", text);
	return number;
}

static void
read_set(Script *script, const char *line)
{
	char		name[NAME_SIZE],
				function[NAME_SIZE],
				arguments[3][NAME_SIZE];
	int			n = sscanf(line, "%31s %31[a-z](%31[^,)],%31[^,)],%31[^,)])",
						   name, function, arguments[0], arguments[1], arguments[2]);
	SettingKind kind = strcmp(function, "random") == 0 ? SETTING_RANDOM :
		strcmp(function, "walk") == 0 ? SETTING_WALK : SETTING_BATCH;
	Setting    *setting;

	if (n != (kind == SETTING_BATCH ? 5 : 4) || (kind == SETTING_BATCH && strcmp(function, "batch") != 0))
		die("not understood: \\set %s", line);
	setting = add_setting(script, kind, name);
	for (int i = 0; i < n - 2; i++)
		setting->arguments[i] = read_argument(script, arguments[i]);
}

static void
read_list(Script *script, const char *line)
{
	char		name[NAME_SIZE];
	int			end;

	if (sscanf(line, "%31s %n", name, &end) != 1)
		die("not understood: \\list %s", line);
	add_setting(script, SETTING_LIST, name)->query = strdup(line + end);
}

static void
read_command(Script *script, const char *line)
{
	if (strncmp(line, "\\set ", 5) == 0)
		read_set(script, line + 5);
	else if (strncmp(line, "\\list ", 6) == 0)
		read_list(script, line + 6);
	else if (strcmp(line, "\\results binary") == 0)
		script->binary = true;
	else if (strcmp(line, "\\protocol simple") == 0)
		script->simple = true;
	else if (strcmp(line, "\\connection each") == 0)
		script->reconnects = true;
	else
		die("not understood: %s", line);
}

/* Cuts white space, and the end if the text has it, off the end of the text. */
static bool
cut_end(char *text, const char *end)
{
	size_t		n = strlen(text);
	bool		found;

	while (n > 0 && isspace((unsigned char) text[n - 1]))
		text[--n] = '\0';
	found = n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
	if (found)
		text[n - strlen(end)] = '\0';
	return found;
}

Script *
script_read(const char *path, const Options *options)
{
	Script	   *script = allocate(sizeof(Script));
	FILE	   *file = fopen(path, "r");
	char		line[LINE_SIZE],
				text[STATEMENT_SIZE] = "";

	if (file == NULL)
		die("cannot read %s", path);
	for (int i = 0; i < options->ndefinitions; i++)
		define(script, options->definitions[i]);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		bool		gset = cut_end(line, "\\gset");

		if (line[0] == '\0' || strncmp(line, "--", 2) == 0)
			continue;
		if (line[0] == '\\')
		{
			read_command(script, line);
			continue;
		}
		if (strlen(text) + strlen(line) + 2 > sizeof(text))
			die("too long a statement in %s", path);
		strcat(strcat(text, text[0] ? " " : ""), line);
		if (gset || cut_end(text, ";"))
		{
			add_statement(script, text, gset);
			text[0] = '\0';
		}
	}
	fclose(file);
	if (text[0] != '\0' || script->nstatements == 0)
		die("%s does not end with a statement", path);
	return script;
}

void
variables_init(const Script *script, Variables *variables, uint64_t seed)
{
	memset(variables, 0, sizeof(*variables));
	memcpy(variables->values, script->constants, sizeof(script->constants));
	variables->random[0] = seed * 0x9E3779B97F4A7C15u + 1;
	variables->random[1] = ~seed * 0xBF58476D1CE4E5B9u + 1;
	for (int i = 0; i < 16; i++)
		(void) variables_random(variables, 0, 1);
}

/* xorshift128+: quick, and good enough to choose a section. */
int64_t
variables_random(Variables *variables, int64_t low, int64_t high)
{
	uint64_t	x = variables->random[0],
				y = variables->random[1],
				range = (uint64_t) high - (uint64_t) low + 1;

	variables->random[0] = y;
	x ^= x << 23;
	variables->random[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
	x = variables->random[1] + y;
	return range == 0 ? (int64_t) x : low + (int64_t) ((unsigned __int128) x * range >> 64);
}

static bool
next_value(Setting *setting, Variables *variables, int64_t *walked)
{
	char	   *value = variables->values[setting->variable];
	const int64_t *a = setting->arguments;
	int64_t		number;

	switch (setting->kind)
	{
		case SETTING_LIST:
			number = atomic_fetch_add(&setting->next, 1);
			if (number >= setting->length)
				return false;
			memcpy(value, setting->list[number], VALUE_SIZE);
			return true;
		case SETTING_WALK:
			number = a[0] + (*walked)++;
			break;
		case SETTING_BATCH:
			number = a[0] + atomic_fetch_add(&setting->next, 1) / a[2];
			break;
		default:
			number = variables_random(variables, a[0], a[1]);
	}
	snprintf(value, VALUE_SIZE, "%lld", (long long) number);
	return number <= a[1];
}

bool
script_next_call(Script *script, Variables *variables)
{
	for (int i = 0; i < script->nsettings; i++)
		if (!next_value(&script->settings[i], variables, &variables->walked[i]))
			return false;
	return true;
}

int
script_render(const Script *script, const Statement *statement, const Variables *variables,
			  char *buffer, int size)
{
	int			n = 0;

	for (const char *at = statement->sql; *at != '\0' && n < size - VALUE_SIZE;)
	{
		if (*at == '$' && isdigit((unsigned char) at[1]))
		{
			char	   *end;
			int			number = (int) strtol(at + 1, &end, 10);

			n += sprintf(buffer + n, "%s", variables->values[statement->parameters[number - 1]]);
			at = end;
		}
		else
			buffer[n++] = *at++;
	}
	buffer[n] = '\0';
	return n;
}

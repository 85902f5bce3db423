-- errors: the refusals of the product, one table for C, SQL and HTTP alike.

CREATE FUNCTION tixbook.refuse(reason text, detail jsonb = NULL, subject text = NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_refuse';

COMMENT ON FUNCTION tixbook.refuse(text, jsonb, text) IS
'Raises the refusal named reason, with its SQLSTATE, message and hint from tixbook.refusals(); subject stands in the message, detail becomes the DETAIL. Never returns.';

CREATE FUNCTION tixbook.refusals(
    OUT reason text, OUT sqlstate text, OUT http_status integer, OUT message text, OUT hint text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 30
AS 'MODULE_PATHNAME', 'tixbook_refusals';

COMMENT ON FUNCTION tixbook.refusals() IS
'Every refusal the product can make: its reason name, SQLSTATE, HTTP status, message (%s stands for the event, seat or booking in question) and hint. Makes no refusal itself.';

CREATE FUNCTION tixbook.http_refusal(reason text, detail jsonb = NULL, subject text = NULL,
    OUT body jsonb, OUT answer jsonb)
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_http_refusal';

COMMENT ON FUNCTION tixbook.http_refusal(text, jsonb, text) IS
'Internal: the same refusal as a value, for what must be remembered: the body that an HTTP client gets, and the answer that goes with it ({"status", "headers"}).';

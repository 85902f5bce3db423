-- dispatch_handler: what the outcome of a dispatch means here, kind by kind.

-- Called in the transaction that writes the outcome down: delivered, refused (the receiver decided
-- so) or gave_up (what became of it is not known); http_status and answer are the last attempt's.
-- What it raises undoes what it did, and it is called again later.
CREATE FUNCTION tixbook.handle_dispatch(answered tixbook.dispatch) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE
        WHEN answered.kind = 'webhook' THEN
            PERFORM tixbook.handle_webhook(answered);
        WHEN answered.kind IN ('stripe_create', 'stripe_confirm', 'stripe_cancel', 'stripe_retrieve') THEN
            PERFORM tixbook.handle_stripe_payment(answered);
        WHEN answered.kind IN ('stripe_refund', 'stripe_retrieve_refund') THEN
            PERFORM tixbook.handle_stripe_refund(answered);
        WHEN answered.kind = 'stripe_list_refunds' THEN
            PERFORM tixbook.handle_stripe_refunds(answered);
        ELSE
            NULL;
    END CASE;
END
$$;

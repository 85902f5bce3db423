-- A house of 20,000 seats: twenty blocks of forty rows, five blocks wide.
SELECT tixbook.import_seating_plan(jsonb_build_object(
    'name', 'Great Bowl', 'size', '{"width": 3000, "height": 3600}'::jsonb,
    'categories', '[{"name": "Front", "color": "#b45309"}, {"name": "Middle", "color": "#15803d"},
                    {"name": "Back", "color": "#0369a1"}]'::jsonb,
    'zones', (
        SELECT jsonb_agg(jsonb_build_object('name', 'Block ' || 101 + b,
            'position', jsonb_build_object('x', b % 5 * 580, 'y', b / 5 * 880),
            'rows', (
                SELECT jsonb_agg(jsonb_build_object('row_number', (r + 1)::text,
                    'position', jsonb_build_object('x', 0, 'y', 21 * r),
                    'seats', (
                        SELECT jsonb_agg(jsonb_build_object('seat_guid', format('%s-%s-%s', b, r, s),
                            'seat_number', (s + 1)::text,
                            'category', (ARRAY['Front', 'Middle', 'Back'])[1 + b / 8],
                            'position', jsonb_build_object('x', 21 * s, 'y', 0)) ORDER BY s)
                        FROM generate_series(0, 24) s)) ORDER BY r)
                FROM generate_series(0, 39) r)) ORDER BY b)
        FROM generate_series(0, 19) b))) AS venue \gset
SELECT tixbook.create_event(:venue, 'Twenty Thousand', now() + interval '90 days',
    '{"Front": 12900, "Middle": 8900, "Back": 4900}', performer => 'Everyone');
SELECT tixbook.open_sale(3);

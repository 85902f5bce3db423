# The two houses of the demo and what plays there.
package House;
use v5.30;
use warnings;
use Harness qw(slurp);
use JSON::PP qw(decode_json);

# Prices in cents, by category.
my %PRICES = (
	theatre => {
		'Premium' => 12900, 'Stalls' => 8900, 'Rear stalls' => 6400,
		'Boxes' => 9900, 'Balcony front' => 5400, 'Balcony' => 3200
	},
	arena => {
		'Floor' => 8900, 'Lower premium' => 14900, 'Lower tier' => 10900,
		'Upper front' => 7900, 'Upper rear' => 4900
	});

# Imports both and puts both on sale; returns the event in the arena.  Its holds are short, so that the demo sees some
# end; those of the theatre leave a visitor time to choose and pay.
sub open_doors
{
	my ($dbh, $plans) = @_;
	my %venue = map { $_ => import_plan($dbh, $plans, $_) } qw(theatre arena);
	my $play  = create_event($dbh, $venue{theatre}, $PRICES{theatre}, "A Midsummer Night's Dream", 'Josefstadt Players', '10 min');
	my $event = create_event($dbh, $venue{arena}, $PRICES{arena}, 'One Night Only', 'The Northern Lights', '6 s');
	$dbh->do('SELECT tixbook.open_sale(?::integer)', undef, $_) for $play, $event;
	return $event;
}

# A stadium of eleven stands of so many places, without numbered seats, on sale; its waiting room is for who calls.
sub open_stadium
{
	my ($dbh, $places, $hold_ttl) = @_;
	my ($venue) = $dbh->selectrow_array("SELECT tixbook.create_venue('Stadium', city => 'Bremen')");
	$dbh->do('SELECT tixbook.add_standing_section(?::integer, ?::text, ?::integer, ?::text)', undef, $venue, "Stand $_", $places, 'Standing') for 'A' .. 'K';
	my $event = create_event($dbh, $venue, { Standing => 6900 }, 'Once in a Lifetime', 'Everybody', $hold_ttl);
	$dbh->do('SELECT tixbook.open_sale(?::integer)', undef, $event);
	return $event;
}

# What the plan format lacks stands in a file beside the plan.
sub import_plan
{
	my ($dbh, $plans, $name) = @_;
	my $beside = decode_json(slurp("$plans/$name.beside.json"));
	my ($venue) = $dbh->selectrow_array(
		'SELECT tixbook.import_seating_plan(?::jsonb, city => ?::text, focal_x => ?::real, focal_y => ?::real,
		                                    accessible => ?::text[], standing => ?::jsonb)',
		undef, slurp("$plans/$name.json"), @$beside{qw(city focal_x focal_y accessible)},
		JSON::PP->new->encode($beside->{standing}));
	return $venue;
}

sub create_event
{
	my ($dbh, $venue, $prices, $name, $performer, $hold_ttl) = @_;
	my ($event) = $dbh->selectrow_array(
		"SELECT tixbook.create_event(?::integer, ?::text, date_trunc('day', now()) + interval '60 days 19 hours', ?::jsonb, performer => ?::text,
		                             hold_ttl => ?::interval)",
		undef, $venue, $name, JSON::PP->new->encode($prices), $performer, $hold_ttl);
	return $event;
}

# The seated blocks, the best first: [first seat, seats].
sub best_blocks
{
	my ($dbh, $event) = @_;
	return $dbh->selectall_arrayref(
		"SELECT b.first_seat, b.capacity FROM tixbook.venue_block b JOIN tixbook.event e USING (venue_id)
		 WHERE e.event_id = ? AND b.score IS NOT NULL ORDER BY b.score[(b.capacity + 1) / 2]", undef, $event);
}

sub sections
{
	my ($dbh, $event, $kind) = @_;
	return $dbh->selectcol_arrayref(
		'SELECT s.name FROM tixbook.section s JOIN tixbook.event e USING (venue_id)
		 WHERE e.event_id = ? AND s.kind = ?::tixbook.section_kind ORDER BY s.section_no', undef, $event, $kind);
}

# By section: name, capacity, free, sold.
sub state
{
	my ($dbh, $event) = @_;
	return $dbh->selectall_arrayref(<<~'SQL', undef, $event);
		WITH block AS (
		    SELECT sb.block_no, vb.section_no, vb.venue_id, vb.capacity, sb.free, vb.first_seat
		    FROM tixbook.seat_block sb
		    JOIN tixbook.event e USING (event_id)
		    JOIN tixbook.venue_block vb ON vb.venue_id = e.venue_id AND vb.block_no = sb.block_no
		    WHERE sb.event_id = $1
		), sold AS (
		    SELECT width_bucket(t.seat_index, (SELECT array_agg(first_seat ORDER BY first_seat) FROM block)) - 1 AS block_no,
		           count(*) AS sold
		    FROM tixbook.ticket t WHERE t.event_id = $1 GROUP BY 1
		)
		SELECT s.name, sum(b.capacity), sum(b.free), coalesce(sum(sold), 0)
		FROM block b JOIN tixbook.section s USING (venue_id, section_no) LEFT JOIN sold USING (block_no)
		GROUP BY s.section_no, s.name ORDER BY s.section_no
		SQL
}

sub drawing
{
	my ($dbh, $event) = @_;
	my ($svg) = $dbh->selectrow_array('SELECT tixbook.seat_map_svg(?::integer)', undef, $event);
	utf8::encode($svg) if utf8::is_utf8($svg);
	return $svg;
}

1;

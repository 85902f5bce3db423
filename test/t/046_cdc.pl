# Search indexes elsewhere follow catalog and availability by logical decoding, through crashes of either side:
# one by a subscription (pgoutput), one by wal2json and pg_recvlogical.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run;
use JSON::PP;
use List::Util 'min';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable 'dclone';
use Test::More;
use Time::HiRes 'sleep';
use Tixbook::Test;

my %columns = (
	venue       => [qw(venue_id name city capacity)],
	section     => [qw(venue_id section_no name kind)],
	category    => [qw(venue_id category_no name color)],
	venue_block => [qw(venue_id block_no section_no category_no capacity)],
	event       => [
		qw(event_id venue_id name performer description city starts_at currency status sale_starts_at sale_ends_at
		  capacity)
	],
	price      => [qw(event_id category_no amount)],
	seat_block => [qw(event_id block_no version free)]);
my %key_length = (venue => 1, event => 1);

my $shop = new_node('shop', streaming => 'logical', conf => [ 'max_slot_wal_keep_size = 256MB', 'wal_keep_size = 0' ]);

sub sql { return $shop->safe_psql('postgres', @_) }

# Later minor releases decode only with plugins that are named.
if (sql("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'"))
{
	$shop->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, wal2json'");
	$shop->reload;
}
sql('CREATE ROLE search_index LOGIN REPLICATION; GRANT tixbook_index TO search_index');
my $conninfo = $shop->connstr('postgres') . ' user=search_index';

my $arena = new_house($shop, 'postgres', 60, 40, performer => "'Les Uns'");
my $draft = sql(<<"SQL");
SELECT tixbook.create_event(venue_id, 'Secret show', now() + interval '30 days', '{"Standard": 9900}')
FROM tixbook.event WHERE event_id = $arena
SQL
sql("SELECT tixbook.reserve($arena, 3, customer => 'early-customer')");
sql('SELECT tixbook.create_catalog_publication()');
is(sql('SELECT string_agg(tablename, \' \' ORDER BY tablename) FROM pg_publication_tables'),
	'category event price seat_block section venue venue_block', 'the publication has the tables of an index');


# What an index is to have, as the source has it, and as it can be read in a subscriber.
sub contents
{
	my ($node, @psql) = @_;
	return join "\n", map {
		my $list = join ', ', @{ $columns{$_} };
		my $where = $_ eq 'event' ? 'WHERE capacity > 0' : '';
		$node->safe_psql('postgres', qq{SELECT '$_', $list FROM tixbook.$_ $where ORDER BY $columns{$_}[0], $columns{$_}[1]}, @psql)
	} sort keys %columns;
}

# Holds, sales, and what becomes of them, by four buyers at once.
my $buyer = $shop->basedir . '/buyer.sql';
append_to_file($buyer, <<'SQL');
\set fate random(1, 4)
\set number random(1, 1000000000000000)
SELECT booking_id AS id FROM tixbook.reserve(:event, 2, customer => 'secret-customer', hold_for => '1 h') \gset
\if :fate >= 3
SELECT tixbook.confirm(':id', 'secret-payment :number');
\elif :fate = 2
SELECT tixbook.release(':id');
\endif
\if :fate = 4
SELECT tixbook.cancel(':id', 'not wanted');
\endif
SQL

sub start_sale
{
	my ($event, $each) = @_;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-t', $each, '-D', "event=$event", '-f', $buyer, $shop->connstr('postgres') ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}


# The first index: tables of a second PostgreSQL with an index of words, which count every change of a block.
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init;
$second->append_conf('postgresql.conf', 'wal_retrieve_retry_interval = 100ms');
$second->start;
$second->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_trgm;
CREATE SCHEMA tixbook;
CREATE TABLE tixbook.venue (venue_id integer PRIMARY KEY, name text, city text, capacity integer);
CREATE TABLE tixbook.section (venue_id integer, section_no smallint, name text, kind text, PRIMARY KEY (venue_id, section_no));
CREATE TABLE tixbook.category (venue_id integer, category_no smallint, name text, color text, PRIMARY KEY (venue_id, category_no));
CREATE TABLE tixbook.venue_block (venue_id integer, block_no integer, section_no smallint, category_no smallint, capacity integer,
    PRIMARY KEY (venue_id, block_no));
CREATE TABLE tixbook.event (event_id integer PRIMARY KEY, venue_id integer, name text, performer text, description text, city text,
    starts_at timestamptz, currency text, status text, sale_starts_at timestamptz, sale_ends_at timestamptz, capacity integer,
    document tsvector GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || coalesce(performer, ''))) STORED);
CREATE INDEX ON tixbook.event USING gin (document);
CREATE INDEX ON tixbook.event USING gin (name gin_trgm_ops);
CREATE TABLE tixbook.price (event_id integer, category_no smallint, amount bigint, PRIMARY KEY (event_id, category_no));
CREATE TABLE tixbook.seat_block (event_id integer, block_no integer, version bigint, free integer, PRIMARY KEY (event_id, block_no));
CREATE TABLE seen (event_id integer, block_no integer, version bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (NEW.event_id, NEW.block_no, NEW.version);
    RETURN NULL;
END
$$;
CREATE TRIGGER see AFTER INSERT OR UPDATE ON tixbook.seat_block FOR EACH ROW EXECUTE FUNCTION see();
ALTER TABLE tixbook.seat_block ENABLE ALWAYS TRIGGER see;
SQL

sub subscribe
{
	$second->safe_psql('postgres', "CREATE SUBSCRIPTION search CONNECTION \$\$$conninfo\$\$ PUBLICATION tixbook_catalog");
	$second->wait_for_subscription_sync($shop, 'search');
	return;
}

sub lost_or_doubled
{
	return $second->safe_psql('postgres', <<~'SQL');
		SELECT event_id, block_no, count(*), min(version), max(version) FROM seen GROUP BY event_id, block_no
		HAVING count(*) <> max(version) - min(version) + 1 OR count(DISTINCT version) <> count(*)
		SQL
}


# The second index: rows by table and key, from a first copy and the lines of pg_recvlogical, each transaction once.
my %index;
my @files;
my $receiver;
my $decode = JSON::PP->new->allow_nonref;

sub key_of { my ($table, @row) = @_; return join '|', @row[ 0 .. ($key_length{$table} // 2) - 1 ] }

# A block is overwritten only by a later version of it; the very next one, or something was lost.
sub put_row
{
	my ($table, @row) = @_;
	my $old = $index{rows}{$table}{ key_of($table, @row) };
	if ($table eq 'seat_block' && $old)
	{
		return if $row[2] <= $old->[2];
		push @{ $index{gaps} }, "@row after @$old" if $row[2] != $old->[2] + 1;
	}
	$index{rows}{$table}{ key_of($table, @row) } = \@row;
	return;
}

sub first_copy
{
	%index = (at => 0, rows => {}, gaps => []);
	for my $table (sort keys %columns)
	{
		my $list = join ', ', @{ $columns{$table} };
		my $copy = sql("SELECT to_json(ARRAY[" . join(', ', map { "$_\::text" } @{ $columns{$table} }) . "]) FROM tixbook.$table",
			connstr => $conninfo);
		put_row($table, @{ $decode->decode($_) }) for split /\n/, $copy;
	}
	return;
}

sub create_slot
{
	$shop->command_ok(
		[ 'pg_recvlogical', '-d', $conninfo, qw(--slot search_json --plugin wal2json --create-slot) ],
		'the slot of the second index');
	return;
}

sub start_receiver
{
	push @files, $shop->basedir . '/received.' . @files;
	my $tables = join ',', map { "tixbook.$_" } sort keys %columns;
	$receiver = IPC::Run::start(
		[
			'pg_recvlogical', '-d', $conninfo, qw(--slot search_json --start --status-interval 1 --fsync-interval 1),
			'-f', $files[-1], '-o', 'format-version=2', '-o', 'include-lsn=1', '-o', "add-tables=$tables"
		],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	return;
}

sub lsn_number { my ($high, $low) = split m{/}, shift; return hex($high) * 2**32 + hex $low }

sub apply_change
{
	my ($change) = @_;
	my $table = $change->{table};
	my %value = map { $_->{name} => $_->{value} } @{ $change->{columns} // [] };
	my %identity = map { $_->{name} => $_->{value} } @{ $change->{identity} // [] };
	if ($change->{action} eq 'D')
	{
		delete $index{rows}{$table}{ key_of($table, map { $identity{$_} } @{ $columns{$table} }) };
		return;
	}
	put_row($table, map { $value{$_} } @{ $columns{$table} });
	return;
}

# Reads what was received from the very beginning: transactions that the index has, it skips.
sub apply_received
{
	my ($applied, $skipped) = (0, 0);
	for my $file (grep { -e } @files)
	{
		my @changes;
		for my $line (split /\n/, slurp_file($file))
		{
			my $change = eval { $decode->decode($line) } // next;    # cut short by a kill
			if    ($change->{action} eq 'B') { @changes = () }
			elsif ($change->{action} ne 'C') { push @changes, $change }
			elsif (lsn_number($change->{lsn}) <= $index{at}) { $skipped++ }
			else
			{
				apply_change($_) for @changes;
				$index{at} = lsn_number($change->{lsn});
				$applied++;
			}
		}
	}
	return ($applied, $skipped);
}

# wal2json knows nothing of publications, so what is left out there is left out here.
sub index_contents
{
	my @lines;
	for my $table (sort keys %columns)
	{
		my @rows = values %{ $index{rows}{$table} };
		@rows = grep { $_->[-1] > 0 } @rows if $table eq 'event';
		push @lines, join "\n",
		  map { join '|', $table, map { $_ // '' } @$_ } sort { $a->[0] <=> $b->[0] || ($key_length{$table} ? 0 : $a->[1] <=> $b->[1]) } @rows;
	}
	return join "\n", @lines;
}


# Both are where the source is.
sub in_step
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $at = sql('SELECT pg_current_wal_lsn()');
	$shop->wait_for_catchup('search');
	$shop->poll_query_until('postgres',
		"SELECT confirmed_flush_lsn >= '$at' FROM pg_replication_slots WHERE slot_name = 'search_json'")
	  or die 'pg_recvlogical does not follow';
	my $source = contents($shop);
	my ($applied, $skipped) = apply_received();
	is(contents($second), $source, "$when: the subscriber has catalog and free seats of the source");
	is(index_contents(), $source, "$when: so has the index fed by wal2json");
	is(lost_or_doubled(), '', "$when: the subscriber saw each version of a block once");
	is("@{ $index{gaps} }", '', "$when: the other index missed none");
	note "$when: $applied transactions applied, $skipped skipped";
	return $skipped;
}

my $first_sale = start_sale($arena, 150);
subscribe();
create_slot();
first_copy();
start_receiver();
sql("SELECT pg_create_logical_replication_slot('witness', 'pgoutput')");

# The catalog changes amid the sale.
my $club = new_house($shop, 'postgres', 5, 10, performer => "'The Others'");
sql(<<"SQL");
SELECT tixbook.set_prices($arena, '{"Standard": 6100}');
UPDATE tixbook.event SET name = 'Renamed', performer = 'Les Autres' WHERE event_id = $arena;
UPDATE tixbook.venue SET name = 'Hall', city = 'Nantes' WHERE venue_id = (SELECT venue_id FROM tixbook.event WHERE event_id = $arena);
SELECT tixbook.add_standing_section(venue_id, 'Yard', 200, 'Standing') FROM tixbook.event WHERE event_id = $club;
SELECT tixbook.set_prices($club, '{"Standing": 1500}');
SELECT tixbook.add_inventory($club);
SELECT tixbook.pause_sale($club);
SQL
ok($first_sale->finish, 'four buyers buy all the while');
in_step('after a sale');
is($second->safe_psql('postgres', "SELECT event_id FROM tixbook.event WHERE document @@ to_tsquery('simple', 'autres')"),
	sql("SELECT event_id FROM tixbook.search_events('autres')"), 'the index there finds what the search here finds');
is($second->safe_psql('postgres', 'SELECT sum(free) FROM tixbook.seat_block'),
	sql('SELECT sum(a.free) FROM tixbook.event e, tixbook.availability(e.event_id) a WHERE e.capacity > 0'),
	'and knows how many seats are free');
is($second->safe_psql('postgres', "SELECT count(*) FROM tixbook.event WHERE event_id = $draft"), 0, 'a draft is not published');
sql("SELECT tixbook.open_sale($draft)");
in_step('after a sale opened');
is($second->safe_psql('postgres', "SELECT name || ' ' || status FROM tixbook.event WHERE event_id = $draft"), 'Secret show on_sale',
	'it is when its sale opens');
is($second->safe_psql('postgres', 'SELECT count(*) FROM seen WHERE block_no < 0'), 0, 'the ballast of its pages is not');

# The source crashes amid a sale.
my $cut_sale = start_sale($arena, 100000);
my $begun = sql('SELECT count(*) FROM tixbook.booking');
$shop->poll_query_until('postgres', "SELECT count(*) > $begun + 200 FROM tixbook.booking");
$shop->stop('immediate');
$shop->start;
$cut_sale->finish;
start_sale($draft, 50)->finish;
in_step('after a crash of the source');

# The indexes crash amid a sale, and the one fed by wal2json comes back as it was before it.
my $saved = dclone(\%index);
my $long_sale = start_sale($draft, 150);
$second->stop('immediate');
$receiver->kill_kill;
ok($long_sale->finish, 'four buyers buy while nobody follows');
$second->start;
%index = %{ dclone($saved) };
start_receiver();
cmp_ok(in_step('after a crash of the indexes'), '>', 100, 'what it had before it does not take again');

# A slot that nobody reads is given up before it fills the disk; nobody else notices.
sql("SELECT pg_create_logical_replication_slot('forgotten', 'pgoutput')");
is(sql("SELECT state FROM tixbook.follower WHERE slot_name = 'forgotten'"), 'reserved', 'a slot that is kept for');
my $witness = sql(<<'SQL');
SELECT count(*) > 100, count(*) FILTER (WHERE encode(data, 'escape') ~ 'secret-|early-customer|taken') AS leaks
FROM pg_logical_slot_get_binary_changes('witness', NULL, NULL, 'proto_version', '1', 'publication_names', 'tixbook_catalog')
SQL
is($witness, 't|0', 'nothing that is sent names a customer or a payment');
# What the others need is let go as the server takes note of what runs, so each gets the time for that.
for (1 .. 20)
{
	sql('SELECT tixbook.release(booking_id) FROM tixbook.reserve(' . $draft . ', 1)');
	sql('SELECT pg_switch_wal()');
	sql('CHECKPOINT');
	$shop->poll_query_until('postgres', "SELECT max(kept) < pg_size_bytes('128MB') FROM tixbook.follower WHERE following")
	  or die 'a slot that is read keeps too much';
}
in_step('before the limit');
sql('CHECKPOINT');
is(sql("SELECT state FROM tixbook.follower WHERE slot_name = 'forgotten'"), 'lost', 'and one that is given up');
is(sql("SELECT string_agg(slot_name || ' ' || following, ', ' ORDER BY slot_name) FROM tixbook.follower WHERE state <> 'lost'"),
	'search true, search_json true', 'the others follow');

# An index whose slot is gone is made anew.
$receiver->kill_kill;
$second->safe_psql('postgres', $_) for 'ALTER SUBSCRIPTION search DISABLE', 'ALTER SUBSCRIPTION search SET (slot_name = NONE)',
  'DROP SUBSCRIPTION search', 'TRUNCATE seen, ' . join ', ', map { "tixbook.$_" } sort keys %columns;
$shop->poll_query_until('postgres', 'SELECT NOT bool_or(following) FROM tixbook.follower');
sql('SELECT pg_drop_replication_slot(slot_name) FROM tixbook.follower');
start_sale($club, 10)->finish;
@files = ();
subscribe();
create_slot();
first_copy();
start_receiver();
start_sale($draft, 10)->finish;
in_step('made anew');

# Before version 18 a dump takes the publication along without its tables; they come back by a call.
my $dump = $shop->basedir . '/dump';
$shop->command_ok([ 'pg_dump', '-f', $dump, $shop->connstr('postgres') ], 'pg_dump');
sql('CREATE DATABASE restored TEMPLATE template0');
$shop->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $shop->connstr('restored') ], 'into psql');
$shop->safe_psql('restored', 'SELECT tixbook.create_catalog_publication()');
my $published = 'SELECT tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY 1';
is($shop->safe_psql('restored', $published), sql($published), 'a restored publication is whole after a call');
in_step('after a dump');
$receiver->kill_kill;
$second->stop;

# What a reservation writes to the WAL itself, here and where nobody can follow: without copies of pages, and
# without what the server may write beside it.
sub wal_of_reservation
{
	my ($node) = @_;
	my $event = new_house($node, 'postgres', 60, 40);
	my $reserve = "SELECT FROM tixbook.reserve($event, 2, hold_for => '1 h');\n";
	my @written = map {
		my ($from, $to) = grep { length } split /\n/, $node->safe_psql('postgres',
			"SELECT pg_current_wal_insert_lsn();\n" . $reserve x 100 . "SELECT pg_current_wal_insert_lsn();");
		lsn_number($to) - lsn_number($from)
	} 1 .. 6;
	return min(@written) / 100;
}
my @quiet = ('autovacuum = off', 'tixbook.expiry_worker = off', 'full_page_writes = off');
my $plain = new_node('plain', streaming => 1, conf => \@quiet);
$shop->append_conf('postgresql.conf', join "\n", @quiet);
$shop->restart;
my ($replica, $logical) = map { wal_of_reservation($_) } $plain, $shop;
note sprintf 'WAL of a reservation of two seats: wal_level = replica %.0f bytes, logical %.0f', $replica, $logical;
cmp_ok($logical, '<', 1.25 * $replica, 'a reservation writes little more WAL where it can be followed');
$_->stop for $plain, $shop;
done_testing();

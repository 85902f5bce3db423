# A server that follows by logical replication, as for an upgrade without a pause, shows what is so where it is sold,
# also from what it has in its memory; and takes over.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use Test::More;
use Tixbook::Sale;
use Tixbook::Test;

my @WORKERS = map { "tixbook.${_}_worker" } qw(expiry request waitingroom dispatch);

my $old = new_node('old', streaming => 'logical');
my $new = new_node('new', conf => [ 'autovacuum = off', map { "$_ = off" } @WORKERS ]);

sub sell { return $old->safe_psql('postgres', @_) }
sub seen { return $new->safe_psql('postgres', @_) }

my $event = new_house($old, 'postgres', 10, 20);
sell("SELECT FROM tixbook.reserve($event, 2, customer => 'early')");
sell('CREATE PUBLICATION upgrade FOR ALL TABLES');
seen(sprintf 'CREATE SUBSCRIPTION upgrade CONNECTION $$%s$$ PUBLICATION upgrade', $old->connstr('postgres'));
$new->wait_for_subscription_sync($old, 'upgrade');

sub follows { $old->wait_for_catchup('upgrade'); return }

# What the two have of the event; both answer from their maps.
sub same
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	follows();
	my $look = "SELECT free, taken FROM tixbook.availability($event)";
	is(seen($look), sell($look), $name);
	is(seen("SELECT free FROM tixbook.availability($event)"), seen("SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event AND block_no >= 0"),
		'as its rows say');
	return;
}

# A session there that knows its way about already.
my $session = connect_to($new);
sub knows { return join ' ', map { "@$_" } @{ $session->selectall_arrayref("SELECT capacity, free, price FROM tixbook.section_availability($event)") } }

same('the first copy is complete');
is(knows(), '200 198 5000', 'a session there learns the event');
my $maps = seen('SELECT events FROM tixbook.cache_status()');
cmp_ok($maps, '>', 0, 'its map is in its memory');


# What is sold there shows here.
my $booking = sell("SELECT booking_id FROM tixbook.reserve($event, 4, customer => 'ann')");
same('seats that are taken');
is(knows(), '200 194 5000', 'also for a session that has looked before');
sell("SELECT FROM tixbook.confirm('$booking', 'paid')");
sell("SELECT FROM tixbook.cancel('$booking')");
same('seats that are given back');
sell("SELECT FROM tixbook.reserve($event, 6, customer => 'bob')");
same('seats of a hold');
sell("UPDATE tixbook.booking SET expires_at = now() WHERE customer = 'bob'; SELECT tixbook.start_worker()");
ok($old->poll_query_until('postgres', "SELECT free = 198 FROM tixbook.availability($event)"), 'it ends');
ok($old->poll_query_until('postgres', "SELECT count(*) = 0 FROM tixbook.booking WHERE customer = 'bob' AND status = 'held'"), 'and is cleared away');
same('seats of a hold that has ended');
sell("UPDATE tixbook.price SET amount = 7000 WHERE event_id = $event");
follows();
is(knows(), '200 198 7000', 'a price that changes');
sell("UPDATE tixbook.booking SET expires_at = now() + interval '1 hour' WHERE customer = 'early'");
same('a hold that an administrator makes longer');
sell("SELECT tixbook.release((SELECT booking_id FROM tixbook.reserve($event, 1, hold_for => '1 s')))");
sell('ALTER SYSTEM SET tixbook.ended_hold_ttl = 0');
$old->reload;
my $bookings = 'SELECT status, count(*) FROM tixbook.booking GROUP BY status ORDER BY status';
ok($old->poll_query_until('postgres', 'SELECT count(*) = 2 AND tixbook.sweep() >= 0 FROM tixbook.booking'), 'holds that came to nothing are purged');
follows();
is(seen($_), sell($_), 'there too') for $bookings, 'SELECT * FROM tixbook.booking_history';
sell('DELETE FROM tixbook.booking_history');
follows();
is(seen('SELECT count(*) FROM tixbook.booking_history'), '0', 'what is deleted of the history goes');


# By hand with triggers off, as a tool may that copies rows.
seen("SET session_replication_role = replica; UPDATE tixbook.price SET amount = 8000 WHERE event_id = $event");
is(knows(), '200 198 8000', 'what is changed where only replication fires triggers shows');
sell("UPDATE tixbook.price SET amount = 9000 WHERE event_id = $event");


# It takes over.
sell("ALTER SYSTEM SET tixbook.databases = 'none'");
$old->reload;
ok($old->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ '^tixbook .* worker'}), 'the old workers leave');
my $sale = Tixbook::Sale->new($old);
follows();
is($new->psql('postgres', <<'SQL'), 0, 'a room that is copied anew finds its sequence there');
SET session_replication_role = replica;
CREATE TEMP TABLE room AS SELECT * FROM tixbook.waiting_room;
DELETE FROM tixbook.waiting_room;
INSERT INTO tixbook.waiting_room SELECT * FROM room;
SQL
my $sequences = sell(<<'SQL');
SELECT format('SELECT setval(%L, %s);', format('%I.%I', schemaname, sequencename), last_value)
FROM pg_sequences WHERE schemaname = 'tixbook' AND last_value IS NOT NULL
SQL
my $before = $sale->contents($old, 'postgres');
$old->stop;
seen("ALTER SUBSCRIPTION upgrade DISABLE; ALTER SUBSCRIPTION upgrade SET (slot_name = NONE); DROP SUBSCRIPTION upgrade; $sequences");
is($sale->contents($new, 'postgres'), $before, 'it has all that the old one had');
$new->append_conf('postgresql.conf', "$_ = on") for @WORKERS;
$new->reload;
$sale->goes_on($new, 'postgres');

done_testing();

# Two hundred buyers while the PostgRESTs are killed and started again: nothing acknowledged is lost, nobody is
# seated or charged twice.
use v5.30;
use warnings;
use JSON::PP;
use Test::More;
use Time::HiRes 'sleep';
use Harness qw(slurp spew);
use Tixbook::Http;

my $BUYERS  = 200;
my $SECONDS = 14;
my $web     = new_shop(conf => { max_connections => 60 });
my $server  = $web->{server};
my $sql     = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, ('s' x 60) x 300);
my @tokens = split /\n/, $sql->("SELECT tixbook.issue_token('tixbook_customer', 'buyer ' || n) FROM generate_series(1, $BUYERS) n");
is(scalar @tokens, $BUYERS, 'there are two hundred customers');

my ($in, $out) = map { "$web->{base}/buyers.$_" } qw(in out);
spew($in, encode_json({ tokens => \@tokens, event => 1 }));
my $pid = fork // die;
if (!$pid)
{
	open STDIN,  '<', $in;
	open STDOUT, '>', $out;
	exec 'node', 'test/http/buyers.mjs', $web->url . '/api/v1', $SECONDS or die "cannot run node: $!\n";
}
my $kills = 0;
for my $number (1, 2, 1, 2)
{
	sleep 2.2;
	$web->end_postgrest($number);
	$kills++;
	sleep 0.8;
	$web->start_postgrest($number);
}
waitpid $pid, 0;
is($?, 0, "the buyers came to their end, though PostgRESTs were killed $kills times");
my $said   = decode_json(slurp($out));
my @booked = @{ $said->{acknowledged} };
my $paid   = grep { $_->{paid} } @booked;
diag(sprintf '%d bookings acknowledged, %d paid; %d requests, %d of them repeated, %d without an answer; refused: %s',
	scalar @booked, $paid, @{ $said->{count} }{qw(requests repeated hungUp)}, encode_json($said->{count}{refused}));
cmp_ok(scalar @booked, '>', $BUYERS, 'they booked');
cmp_ok($paid, '>', $BUYERS / 2, 'and paid');
cmp_ok($said->{count}{repeated}, '>', 20, 'and had to repeat themselves');

# What they were told is so.
spew("$web->{base}/acknowledged", map { join("\t", $_->{booking_id}, '{' . join(',', @{ $_->{seats} }) . '}', $_->{paid} ? 't' : 'f') . "\n" } @booked);
$sql->('CREATE TABLE acknowledged (booking_id uuid PRIMARY KEY, seats integer[], paid boolean)');
$server->psql('shop', '-c', "\\copy acknowledged FROM '$web->{base}/acknowledged'");
is($sql->('SELECT count(*) FROM acknowledged'), scalar @booked, 'no booking was acknowledged to two');
is($sql->('SELECT count(*) FROM acknowledged a LEFT JOIN tixbook.booking b USING (booking_id) WHERE b.seats IS DISTINCT FROM a.seats'), 0,
	'every booking that was acknowledged is there, with its seats');
is($sql->("SELECT count(*) FROM acknowledged a JOIN tixbook.booking b USING (booking_id) WHERE a.paid <> (b.status = 'confirmed')"), 0,
	'every payment that was acknowledged made a sale, and there is no sale besides');
is($sql->('SELECT count(*) FROM tixbook.booking b LEFT JOIN acknowledged a USING (booking_id) WHERE a.booking_id IS NULL'), 0,
	'no request left a booking that nobody was told of');
is($sql->("SELECT count(*) FROM (SELECT FROM tixbook.payment WHERE state = 'captured' GROUP BY booking_id HAVING count(*) > 1) AS twice"), 0,
	'nobody was charged twice');
is($sql->("SELECT count(*) FROM tixbook.payment WHERE state = 'captured'"), $paid, 'and charged for what he has');
is($sql->('SELECT count(*) FROM (SELECT FROM tixbook.booking, unnest(seats) AS seat GROUP BY event_id, seat HAVING count(*) > 1) AS twice'), 0,
	'nobody was seated twice');
end_shop($web);

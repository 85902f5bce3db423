# The whole way of a customer, with the official client of PostgREST, through nginx.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Http;

my $web = new_shop();
quiet_house($web, 1, 'pppppppp', 'ssssssss', 'ssssssss');
my $server = $web->{server};

# Its TAP is a part of ours.
open my $journey, '-|', 'node', 'test/http/journey.mjs', $web->url . '/api/v1' or die "cannot run node: $!\n";
my $tests = 0;
while (my $line = <$journey>)
{
	chomp $line;
	if    ($line =~ /^ok - (.*)/)     { $tests++; pass($1) }
	elsif ($line =~ /^not ok - (.*)/) { $tests++; fail($1) }
	else                              { diag($line) }
}
ok(close $journey, 'the journey came to its end');
cmp_ok($tests, '>=', 25, 'with its stations');

is($server->sql('shop', 'SELECT count(*) FROM tixbook.booking'), 3, 'three bookings were made, whatever was repeated');
is($server->sql('shop', "SELECT string_agg(state::text, ' ' ORDER BY made_at) FROM tixbook.payment"),
	'declined refunded captured', 'and three payments');
end_shop($web);

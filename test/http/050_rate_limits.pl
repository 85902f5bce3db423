# Token buckets: by customer, by address, by group; at the edge; and who is not limited.
use v5.30;
use warnings;
use Test::More;
use Time::HiRes qw(time sleep);
use Tixbook::Http;

my $web = new_shop(
	later => 1,
	conf  => {
		'tixbook.customer_limits' => 'browse 2/5, booking 2/4, change 100/100',
		'tixbook.address_limits'  => 'account 0.01/3, browse 1000/1000'
	});
my $server = $web->{server};
$server->sql('postgres', 'ALTER SYSTEM SET tixbook.rate_buckets = 1024');
$server->stop;
$server->start;
$web->start;
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, ('s' x 20) x 20);
my ($ann, $bob) = map { token_of($web, 'tixbook_customer', $_) } qw(ann bob);
my $reserve = sub { my ($token) = @_; return rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 1 }, token => $token) };
my $statuses = sub { my ($how_often, $call) = @_; my %n; $n{ $call->()->{status} }++ for 1 .. $how_often; return \%n };

is($sql->("SELECT string_agg(concat_ws(' ', scope, \"group\", per_second, burst), ', ' ORDER BY scope, \"group\") FROM tixbook.rate_limits()"),
	'address account 0.01 3, address browse 1000 1000, customer booking 2 4, customer browse 2 5, customer change 100 100', 'the limits in force');

# A customer's bucket
my $seen = $statuses->(6, sub { $reserve->($ann) });
is($seen->{201}, 4, 'a customer may do as many at once as his bucket holds');
is($seen->{429}, 2, 'and no more');
my $answer = $reserve->($ann);
is(refused($answer), '429 rate_limited', 'he is told so');
is($answer->{headers}{'retry-after'}, 1, 'and when to come again');
is($answer->{json}{hint} =~ /Wait/ && $answer->{json}{details} =~ /"group": "booking"/, 1, 'and what for');
is($reserve->($bob)->{status}, 201, 'another customer is not concerned');
is(rest($web, GET => '/bookings', token => $ann)->{status}, 200, 'nor is another group');
sleep 0.6;
is($reserve->($ann)->{status}, 201, 'tokens come back with time');
my ($started, $let) = (time, 0);
while (time < $started + 3) { $let++ if $reserve->($ann)->{status} == 201; sleep 0.05 }
cmp_ok($let, '>=', 5, "at the set rate: $let in three seconds of two a second");
cmp_ok($let, '<=', 7, 'and not faster');
cmp_ok($statuses->(30, sub { rest($web, GET => '/bookings', token => $ann) })->{429} // 0, '>=', 2, 'browsing has a bucket of its own');

# The same functions in SQL are not limited.
is($sql->("SELECT count(*) FROM generate_series(1, 100), tixbook.reserve(1, 1, customer => 'ann')"), 100, 'SQL is not limited');

# Addresses, as the edge tells them, and nobody else.
my $postgrest = $web->postgrest_url(1);
my $log_in    = sub { my ($url, %headers) = @_; state $n = 0; return request(POST => "$url/rpc/log_in", body => { email => 'x' . ++$n, password => 'y' }, headers => \%headers) };
my $edge      = $web->url . '/api/v1';
is_deeply($statuses->(5, sub { $log_in->($edge) }), { 401 => 3, 429 => 2 }, 'an address has a bucket');
is($log_in->($edge, 'X-Real-IP' => '203.0.113.1', 'X-Forwarded-For' => '203.0.113.1', 'Forwarded' => 'for=203.0.113.1')->{status}, 429,
	'and cannot claim to be another one');
is($log_in->($edge, 'X-Edge-Secret' => 'guess', 'X-Real-IP' => '203.0.113.1')->{status}, 429, 'nor to be the edge');
is_deeply($statuses->(6, sub { state $n = 0; $log_in->($postgrest, 'X-Real-IP' => '203.0.113.' . ++$n) }), { 401 => 3, 429 => 3 },
	'who goes past the edge is one with all who do, whatever he claims');
is(request(POST => "$postgrest/rpc/%6Cog%5fin", body => { email => 'x', password => 'y' })->{status}, 429, 'however he writes the path');
is_deeply($statuses->(6, sub { state $n = 0; $log_in->($postgrest, 'X-Edge-Secret' => $web->{secret}, 'X-Real-IP' => '203.0.113.' . ++$n) }), { 401 => 6 },
	'the edge is believed');
is_deeply($statuses->(6, sub { state $n = 0; $log_in->($postgrest, 'X-Edge-Secret' => $web->{secret}, 'X-Real-IP' => '2001:db8::' . ++$n) }), { 401 => 3, 429 => 3 },
	'a network of IPv6 counts as one');
is_deeply($statuses->(6, sub { state $n = 0; $log_in->($postgrest, 'X-Edge-Secret' => $web->{secret}, 'X-Real-IP' => '2001:db8:0:' . ++$n . '::1') }), { 401 => 6 },
	'and others as others');

# More customers than buckets: nobody is shut out, and memory does not grow.
is($sql->(q{
	SET ROLE tixbook_customer;
	DO $$
	BEGIN
	    FOR n IN 1..5000 LOOP
	        PERFORM set_config('request.jwt.claims', json_build_object('sub', 'customer ' || n)::text, true),
	                set_config('request.path', '/rpc/reserve', true);
	        PERFORM tixbook.begin_http_request();
	    END LOOP;
	END
	$$;
	SELECT 'done'}), 'done', 'five thousand customers share a thousand buckets');

# Limits change by reload; a wrong one is refused whole.
my $settings = sub { $server->sql('postgres', "ALTER SYSTEM SET tixbook.customer_limits = '$_[0]'"); $sql->('SELECT pg_reload_conf()'); sleep 0.5 };
for my $wrong ('browse', 'browse 1', 'browse 0/1', 'browse -1/1', 'browse 1/0', 'nonsense 1/1', 'browse nan/1', 'browse 1/1x', 'browse 1/1; booking 1/1', 'browse 1e9/1')
{
	my $done = eval { $server->sql('postgres', "ALTER SYSTEM SET tixbook.customer_limits = '$wrong'"); 1 };
	like($done ? '' : $@, qr/invalid value.*\n.*is not like "browse 20\/100"/, "no limit: $wrong");
}
$settings->('');
is_deeply($statuses->(30, sub { $reserve->($ann) }), { 201 => 30 }, 'without limits nobody is limited');

# nginx has a fence of its own.
$web->stop;
$web->{rate} = 1;
$web->start;
$seen = $statuses->(300, sub { rest($web, GET => '/events/1') });
cmp_ok($seen->{429}, '>=', 90, 'the edge turns a flood away itself');
($answer) = grep { $_->{status} == 429 } map { rest($web, GET => '/events/1') } 1 .. 10;
is(refused($answer), '429 rate_limited', 'in the form of the API');
is($answer->{headers}{'retry-after'}, 1, 'with Retry-After');

# Without preload there are no buckets, and it says so.
$web->stop;
$server->sql('postgres', 'ALTER SYSTEM RESET tixbook.rate_buckets');
$server->stop;
$server->become(conf => { shared_preload_libraries => '' })->start;
like(eval { $sql->('SELECT * FROM tixbook.rate_limits()') } // $@, qr/limiting rates needs the library to be loaded at server start/, 'without preload it says what it needs');
$web->{rate} = 100000;
$web->start;
is_deeply($statuses->(20, sub { $reserve->($ann) }), { 201 => 20 }, 'and everything else works');

end_shop($web);

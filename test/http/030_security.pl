# Who may call what; another's booking by every path; tokens, texts and bodies of an attacker.
use v5.30;
use warnings;
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;
use Tixbook::Http;

my $web    = new_shop();
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, 'ssssssssss', 'ssssssssss');
my %token = (
	anonymous => undef,
	customer  => customer($web, 'ann'),
	map { $_ => token_of($web, "tixbook_$_", $_) } qw(gate organiser payment administrator));
my @roles   = sort keys %token;
my $unknown = '00000001-0000-8000-8000-000000000000';
my $secret  = pack 'H*', $sql->("SELECT encode(secret, 'hex') FROM tixbook.token_key");
my $hash    = $sql->('SELECT min(password_hash) FROM tixbook.account');
my @answers;
my $keep = sub { push @answers, $_[0]; return $_[0] };

# Each function: parameters, and who may call it.
my @all     = @roles;
my @buyers  = qw(anonymous customer);
my %allowed = (
	search_events        => [ {}, @all ],
	find_event           => [ { event_id => 1 }, @all ],
	availability         => [ { event_id => 1 }, @all ],
	availability_map     => [ { event_id => 1 }, @all ],
	section_availability => [ { event_id => 1 }, @all ],
	seat_plan            => [ { event_id => 1 }, @all ],
	seat_map_svg         => [ { event_id => 1 }, @all ],
	sign_up              => [ { email => 'x', password => 'y', name => 'z' }, @all ],
	log_in               => [ { email => 'x', password => 'y' }, @all ],
	reserve              => [ { event_id => 1, quantity => 0, section => 's', category => 'c' }, @buyers ],
	reserve_seats        => [ { event_id => 1, seats => [] }, @buyers ],
	submit_request       => [ { event_id => 1, quantity => 0, section => 's', category => 'c' }, @buyers ],
	request_status       => [ { request_id => $unknown }, @buyers, 'administrator' ],
	cancel_request       => [ { request_id => $unknown }, @buyers, 'administrator' ],
	pay                  => [ { booking_id => $unknown, payment_token => 't' }, @buyers ],
	release              => [ { booking_id => $unknown }, @buyers ],
	find_booking         => [ { booking_id => $unknown }, @buyers, 'administrator' ],
	booking_tickets      => [ { booking_id => $unknown }, @buyers, 'administrator' ],
	history              => [ { booking_id => $unknown }, @buyers, 'administrator' ],
	cancel               => [ { booking_id => $unknown, reason => 'r' }, @buyers, 'administrator' ],
	my_bookings          => [ {}, 'customer' ],
	my_tickets           => [ {}, 'customer' ],
	find_waiting_room    => [ { event_id => 1 }, @all ],
	queue_progress       => [ { event_id => 1, position => 1 }, @all ],
	join_waiting_room    => [ { event_id => 1, proof => 'p' }, 'customer' ],
	queue_status         => [ { event_id => 1 }, 'customer' ],
	leave_waiting_room   => [ { event_id => 1 }, 'customer' ],
	my_account           => [ {}, grep { $_ ne 'anonymous' } @all ],
	check_ticket         => [ { code => 'c' }, qw(gate administrator) ],
	event_sales          => [ { event_id => 1 }, qw(organiser administrator) ],
	settlement           => [ { event_id => 1 }, qw(organiser payment administrator) ],
	settle_payment       => [ { payment_id => $unknown, outcome => 'captured', provider_reference => 'p', decline_reason => 'd' }, qw(payment administrator) ],
	payment_webhook      => [ { payment_id => $unknown }, qw(anonymous payment) ]);
is(join(' ', sort keys %allowed), $sql->("SELECT string_agg(proname, ' ' ORDER BY proname COLLATE \"C\") FROM pg_proc
	WHERE pronamespace = 'tixbook_api'::regnamespace"), 'these are the functions');
for my $function (sort keys %allowed)
{
	my ($parameters, @who) = @{ $allowed{$function} };
	for my $role (@roles)
	{
		my $answer = $keep->(rpc($web, $function, $parameters, token => $token{$role}));
		my $denied = refused($answer) =~ /^40[13] 42501$/;
		ok((grep { $_ eq $role } @who) ? !$denied && $answer->{status} < 500 : $denied,
			"$function as $role: " . ($denied ? 'denied' : 'allowed')) or diag($answer->{content});
	}
}

# Roles that are none of the API's.
for my $role (qw(postgres tixbook_authenticator tixbook_application pg_read_all_data nobody_at_all), '', 'tixbook_customer"; DROP TABLE tixbook.booking; --')
{
	my $token = forge_token({ alg => 'HS256' }, { role => $role, sub => 'eve' }, $secret);
	like($keep->(rest($web, GET => '/bookings', token => $token))->{status}, qr/^(?:401|403|400)$/, "a token for role '$role' is no use");
}

# Tokens
my %claims = (role => 'tixbook_customer', sub => 'ann', exp => time + 3600);
my %bad = (
	'of an hour ago'        => forge_token({ alg => 'HS256' }, { %claims, exp => time - 3600 }, $secret),
	'not valid yet'         => forge_token({ alg => 'HS256' }, { %claims, nbf => time + 3600 }, $secret),
	'with another secret'   => forge_token({ alg => 'HS256' }, \%claims, 'x' x 32),
	'with an empty secret'  => forge_token({ alg => 'HS256' }, \%claims, ''),
	'with alg none'         => forge_token({ alg => 'none' }, \%claims, undef),
	'with alg None, signed' => forge_token({ alg => 'None' }, \%claims, $secret),
	'with alg HS384'        => forge_token({ alg => 'HS384' }, \%claims, $secret),
	'without a sub'         => forge_token({ alg => 'HS256' }, { %claims, sub => undef }, $secret),
	'with an empty sub'     => forge_token({ alg => 'HS256' }, { %claims, sub => '' }, $secret),
	'with a sub that is a list' => forge_token({ alg => 'HS256' }, { %claims, sub => ['ann'] }, $secret),
	'with a sub too long'   => forge_token({ alg => 'HS256' }, { %claims, sub => 'a' x 256 }, $secret),
	'cut short'             => substr($token{customer}, 0, -1),
	'with changed claims'   => do { my @p = split /\./, $token{customer}; join '.', $p[0], encode_base64url('{"role":"tixbook_administrator","sub":"eve"}'), $p[2] },
	'that is none'          => 'no token at all');
is(rest($web, GET => '/bookings', token => forge_token({ alg => 'HS256' }, \%claims, $secret))->{status}, 200, 'a token made by these means is taken');
is($keep->(rest($web, GET => '/bookings', token => $bad{$_}))->{status}, 401, "a token $_ is not") for sort keys %bad;
is($keep->(rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 1 }, token => $bad{$_}))->{status}, 401,
	"nor does one $_ make a guest") for sort keys %bad;

# Another's booking
my $bob = customer($web, 'bob');
my ($held, $sold) = map { rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 2 }, token => $token{customer}, key => "ann-$_")->{json}{booking_id} } 1, 2;
is(rest($web, POST => "/bookings/$sold/payment", body => { payment_token => 'tok_test_success' }, token => $token{customer})->{status}, 200, 'Ann holds a booking, and has paid one');
my $before = $sql->('SELECT * FROM tixbook.booking ORDER BY booking_id');
for my $who ([ Bob => $bob ], [ 'a stranger' => undef ])
{
	my ($name, $token) = @$who;
	for my $id ($held, $sold)
	{
		my @paths = (
			(map { [ GET => "/bookings/$id$_" ] } '', '/tickets', '/history'),
			(map { [ POST => "/bookings/$id/$_" ] } qw(release cancel)),
			[ POST => "/bookings/$id/payment", body => { payment_token => 'tok_test_success' } ],
			(map { [ GET  => "/rpc/$_?booking_id=$id" ], [ POST => "/rpc/$_", body => { booking_id => $id } ] } qw(find_booking booking_tickets history)),
			(map { [ POST => "/rpc/$_", body => { booking_id => $id } ], [ POST => "/rpc/$_", body => {}, headers => { 'X-Booking-Id' => $id } ] } qw(release cancel)),
			[ POST => '/rpc/pay', body => { booking_id => $id, payment_token => 'tok_test_success' } ],
			[ GET => "/rpc/find_booking?booking_id=$id&customer=ann" ]);
		for my $path (@paths)
		{
			my $answer = $keep->(rest($web, @$path, token => $token));
			is($answer->{status}, 404, "$name gets nowhere by $path->[0] $path->[1]") or diag($answer->{content});
			unlike($answer->{content}, qr/amount|seats|ann\@/, 'and learns nothing');
		}
	}
}
my $his = rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 1 }, token => $bob)->{json}{booking_id};
is(rest($web, POST => "/bookings/$held/release", body => { booking_id => $his }, token => $bob)->{status}, 404, 'the path says which booking is meant, whatever the body says');
is(rest($web, GET => "/bookings/$his", token => $bob)->{json}{status}, 'held', 'so nothing else happened');
$sql->("SELECT tixbook.release('$his')");
is($sql->("SELECT * FROM tixbook.booking WHERE booking_id <> '$his' ORDER BY booking_id"), $before, 'her bookings are as they were');
is_deeply([ map { $_->{booking_id} } @{ rest($web, GET => '/bookings', token => $bob)->{json}{bookings} } ], [$his], 'he lists none of them');
is_deeply(rest($web, GET => '/tickets', token => $bob)->{json}{tickets}, [], 'nor her tickets');
is(rest($web, GET => "/bookings?customer=ann&booking_id=eq.$held", token => $bob)->{status}, 404, 'nor can he ask for hers');
my $mine = rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 2 }, token => $bob, key => 'ann-1');
isnt($mine->{json}{booking_id}, $held, 'her idempotency key is another one when he uses it');
is(rest($web, GET => "/bookings/$held", token => token_of($web, 'tixbook_administrator', 'boss'))->{status}, 200, 'an administrator finds it');
is(rest($web, GET => "/bookings/$held", token => token_of($web, 'tixbook_gate', 'gate'))->{status}, 403, 'a gate does not');

# Tables, other schemas, other parts of PostgREST
my $postgrest = $web->postgrest_url(1);
for my $path (map({ "/$_" } split /\n/, $sql->("SELECT relname FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind IN ('r', 'v')")),
	map { "/rpc/$_" } qw(confirm issue_token sign_token rotate_token_key postgrest_config settle_payments begin_http_request http_refusal pg_sleep))
{
	for my $role (qw(anonymous customer administrator))
	{
		my $answer = $keep->(request(POST => "$postgrest$path", body => {}, token => $token{$role}));
		like($answer->{status}, qr/^(?:404|401|403|405)$/, "nothing at $path as $role") or diag($answer->{content});
	}
}
for my $schema (qw(tixbook public pg_catalog information_schema))
{
	is($keep->(request(GET => "$postgrest/account", headers => { 'Accept-Profile' => $schema }, token => $token{administrator}))->{status}, 406, "schema $schema is not served");
}
my $openapi = rest($web, GET => '/');
is($openapi->{status}, 200, 'the OpenAPI page is there');
my %paths = %{ $openapi->{json}{paths} };
is_deeply([ sort grep { m{^/rpc/} } keys %paths ], [ map { "/rpc/$_" } sort grep { grep { $_ eq 'anonymous' } @{ $allowed{$_} } } keys %allowed ],
	'and shows those without a token what they may call');
is(join(' ', grep { !/^\/(?:rpc\/.*)?$/ } keys %paths), '', 'and no table');
for my $path (grep { m{^/rpc/} } sort keys %paths)
{
	my ($what) = values %{ $paths{$path} };
	ok(length $what->{summary} && length $what->{summary} < 60 && $what->{description} =~ /(?:Refuses: |Makes no refusal)/, "$path is described: $what->{summary}");
}

# SQL in every text
my @sql_texts = ("' OR '1'='1", "'; DROP TABLE tixbook.booking; --", '$$; SELECT pg_sleep(5); $$', "\\'; SELECT 1", '"; DROP SCHEMA tixbook CASCADE; --',
	"%' UNION SELECT secret FROM tixbook.token_key --", '{"a": "${jndi:x}"}', "a\x{301}\x{202e}\x{fffd}", '%s%n%x', "\t\r\n", '*' x 5000, "tixbook.booking", ":*", "& | ! ( <->");
my $bookings = $sql->('SELECT count(*) FROM tixbook.booking');
for my $function (sort keys %allowed)
{
	my ($parameters, @who) = @{ $allowed{$function} };
	my ($role) = grep { $_ ne 'anonymous' } @who;
	for my $parameter ($function eq 'search_events' ? qw(query city) : grep { $parameters->{$_} =~ /[a-z]/ && $_ !~ /_id$|^seats$/ } keys %$parameters)
	{
		my @bad = grep { $_->{status} >= 500 }
		  map { $keep->(rpc($web, $function, { %$parameters, $parameter => $_ }, token => $token{$role})) } @sql_texts;
		is(scalar(@bad), 0, "$function takes any text as $parameter for what it is") or diag($bad[0]{content});
	}
}
for my $header (qw(Idempotency-Key X-Booking-Id If-None-Match Tixbook-Signature Prefer Range Accept Accept-Profile Content-Profile))
{
	my @bad = grep { $_->{status} >= 500 }
	  map { $keep->(request(POST => "$postgrest/rpc/reserve", body => { event_id => 1, quantity => 0 }, token => $token{customer}, headers => { $header => $_ })) }
	  grep { !/[^\x20-\x7e]/ } @sql_texts;
	is(scalar(@bad), 0, "so it is with the header $header") or diag($bad[0]{content});
}
is($sql->('SELECT count(*) FROM tixbook.booking'), $bookings, 'no booking came of it, and none went');

# Bodies
my %bodies = (
	'not JSON'          => 'hello',
	'half of JSON'      => '{"event_id": 1, "quantity"',
	'nothing'           => '',
	'a number'          => '42',
	'a list'            => '[1,2,3]',
	'null'              => 'null',
	'text'              => '"text"',
	'a list of objects' => '[{"event_id": 1, "quantity": 0}, {"event_id": 1, "quantity": 0}]',
	'twice the key'     => '{"event_id": 1, "quantity": 0, "quantity": -1}',
	'deep lists'        => '{"event_id": 1, "quantity": ' . ('[' x 25_000) . (']' x 25_000) . '}',
	'deep objects'      => ('{"a":' x 8_000) . '1' . ('}' x 8_000),
	'a large number'    => '{"event_id": 1' . ('0' x 5_000) . ', "quantity": 1}',
	'a wrong type'      => '{"event_id": {"a": 1}, "quantity": [1]}',
	'a null byte'       => '{"event_id": 1, "quantity": 0, "section": "a\u0000b"}',
	'half a surrogate'  => '{"event_id": 1, "quantity": 0, "section": "\ud800"}',
	'no UTF-8'          => "{\"event_id\": 1, \"quantity\": 0, \"section\": \"\xff\xfe\"}",
	'many seats'        => '{"event_id": 1, "seats": [' . join(',', 1 .. 12_000) . ']}');
for my $function (qw(reserve reserve_seats payment_webhook log_in))
{
	for my $name (sort keys %bodies)
	{
		my $answer = $keep->(request(POST => "$postgrest/rpc/$function", body => $bodies{$name}, headers => { 'Tixbook-Signature' => 't=1,v1=' . 'a' x 64 }));
		like($answer->{status}, qr/^4\d\d$/, "$function: $name is the client's mistake") or diag(substr $answer->{content}, 0, 300);
	}
}
is($keep->(request(POST => "$postgrest/rpc/reserve_seats", body => '{"event_id": 1, "seats": [' . join(',', (1) x 2_000_000) . ']}'))->{status}, 422, 'four megabytes of seats are read, and refused');
is(rest($web, POST => '/bookings/reserve', body => 'x' x 100_000)->{status}, 413, 'the edge lets no such thing in');
is(rest($web, GET => '/events/1')->{status}, 200, 'and all goes on');

# What is secret
my @secrets = ($secret, encode_base64($secret, ''), encode_base64url($secret), unpack('H*', $secret), $hash, 'the secret of the edge');
is(scalar(grep { my $text = join "\n", $_->{content}, %{ $_->{headers} }; grep { index($text, $_) >= 0 } @secrets } @answers), 0,
	'no secret is in any of ' . @answers . ' answers');

end_shop($web);

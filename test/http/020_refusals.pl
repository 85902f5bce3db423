# Every refusal that can be reached over HTTP: its status, code, details and headers.
use v5.30;
use warnings;
use DBI;
use JSON::PP;
use List::Util 'uniq';
use Test::More;
use Tixbook::Http;

my $web    = new_shop();
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
my $other  = DBI->connect($server->dsn('shop'), undef, undef, { RaiseError => 1, PrintError => 0 });
my $ann    = customer($web, 'ann');
my $sub    = rest($web, GET => '/account', token => $ann)->{json}{customer};

# Event 1 sells to everybody; 2 has four seats, 3 a limit, 4 is paused, 5 has begun, 6 is sold out.
quiet_house($web, $_, 'ssssss', 'ssssss', 'wwpppp') for 1;
quiet_house($web, $_, 'ssss') for 2;
quiet_house($web, $_, 'ssssssssss') for 3 .. 5;
quiet_house($web, 6, 's');
# 7 to 9 have a waiting room: one demands work, one is closed, one takes in nobody more from this address.
quiet_house($web, $_, 'ssss') for 7 .. 9;
$sql->("SELECT tixbook.open_waiting_room($_, now() + interval '1 hour', 1, 1, proof_of_work => 20)") for 7;
$sql->("SELECT tixbook.open_waiting_room($_, now() + interval '1 hour', 1, 1, entries_per_address => 1)") for 8, 9;
$sql->('SELECT tixbook.close_waiting_room(8)');
rest($web, POST => '/queue/join', body => { event_id => 9 }, token => customer($web, 'first'));
$sql->("UPDATE tixbook.event SET max_per_booking = 3, max_per_customer = 4 WHERE event_id = 3");
$sql->('SELECT tixbook.pause_sale(4)');
$sql->("UPDATE tixbook.event SET starts_at = now() - interval '1 hour' WHERE event_id = 5");
$sql->('SELECT tixbook.reserve_seats(6, \'{0}\')');
$sql->('SELECT tixbook.reserve_seats(2, \'{1,2}\')');

my %given = (token => $ann);
my $unknown = '00000001-0000-8000-8000-000000000000';
my $reserve = sub { my ($body, %more) = @_; return rest($web, POST => '/bookings/reserve', body => $body, %given, %more) };
my $named   = sub { my ($event, @seats) = @_; return rest($web, POST => '/bookings/reserve-seats', body => { event_id => $event, seats => \@seats }, %given) };
my $submit  = sub { my ($event, @seats) = @_; return rest($web, POST => '/requests', body => { event_id => $event, seats => \@seats }, %given) };
my $hold    = sub { return $named->(@_)->{json}{booking_id} };
my $pay     = sub { my ($booking, $token, %more) = @_; return rest($web, POST => "/bookings/$booking/payment", body => { payment_token => $token }, %given, %more) };
my $settle  = sub { return rpc($web, 'settle_payment', $_[0], token => token_of($web, 'tixbook_payment', 'psp')) };
my $setting = sub {
	my ($name, $value) = @_;
	$server->sql('postgres', "ALTER SYSTEM SET tixbook.$name = $value");
	$sql->('SELECT pg_reload_conf()');
	select undef, undef, undef, 0.5;
};

# Reason; how to reach it; members of the details; headers beside the usual ones.
my @table = (
	[ invalid_parameter  => sub { $reserve->({ event_id => 1, quantity => 0 }) }, [qw(parameter)] ],
	[ invalid_parameter  => sub { rest($web, GET => '/events/search?page=0') }, [qw(parameter value minimum)] ],
	[ invalid_parameter  => sub { rest($web, POST => '/accounts', body => { email => 'nobody', password => 'x' x 8 }) }, [qw(parameter)] ],
	[ invalid_parameter  => sub { rest($web, POST => '/accounts', body => { email => 'a@b.c', password => 'short' }) }, [qw(parameter)] ],
	[ invalid_parameter  => sub { $pay->($hold->(1, 0), 'tok_of_another_provider') }, [qw(parameter)] ],
	[ section_not_found  => sub { $reserve->({ event_id => 1, quantity => 1, section => "Balcony '\"\\" }) }, [qw(event_id section)] ],
	[ category_not_found => sub { $reserve->({ event_id => 1, quantity => 1, category => 'Gold' }) }, [qw(event_id category)] ],
	(map { my $path = $_; [ event_not_found => sub { rest($web, GET => "/events/999$path") }, [qw(event_id)] ] }
		'', qw(/availability /sections /plan /map.svg)),
	[ event_not_found => sub { $reserve->({ event_id => 999, quantity => 1 }) }, [qw(event_id)] ],
	[ event_not_found => sub { rest($web, GET => '/events/999/sales', token => token_of($web, 'tixbook_organiser', 'org')) }, [qw(event_id)] ],
	[ seat_not_found  => sub { $named->(1, 0, 99) }, [qw(event_id seats)] ],
	[ name_taken      => sub { rest($web, POST => '/accounts', body => { email => 'ANN@example.org ', password => 'x' x 8 }) }, [qw(parameter)] ],
	[ event_not_on_sale => sub { $reserve->({ event_id => 4, quantity => 1 }) }, [qw(event_id status)] ],
	[ sold_out          => sub { $reserve->({ event_id => 6, quantity => 1 }) }, [qw(event_id)] ],
	[ not_enough_seats  => sub { $reserve->({ event_id => 2, quantity => 3 }) }, [qw(event_id free)] ],
	[ no_adjacent_seats => sub { $reserve->({ event_id => 2, quantity => 2, together => \1 }) }, [qw(event_id largest_run)] ],
	[ seat_taken        => sub { $named->(2, 0, 1, 2) }, [qw(event_id seats)] ],
	[ limit_exceeded    => sub { $reserve->({ event_id => 3, quantity => 4 }) }, [qw(event_id limit max wanted)] ],
	[ limit_exceeded    => sub { $named->(3, 0, 1, 2); $named->(3, 3, 4) }, [qw(event_id limit max has wanted)] ],
	[ busy => sub {
			$other->begin_work;
			$other->do("SELECT tixbook.reserve_seats(1, '{6}')");
			my $answer = $named->(1, 7);
			$other->rollback;
			return $answer;
		}, [qw(event_id retry_after_ms)], 'retry-after' ],
	[ booking_not_found => sub { rest($web, GET => "/bookings/$unknown", %given) }, [qw(booking_id)] ],
	(map { my $path = $_; [ booking_not_found => sub { rest($web, POST => "/bookings/$unknown/$path", %given) }, [qw(booking_id)] ] } qw(release cancel)),
	[ booking_not_found => sub { $pay->($unknown, 'tok_test_success') }, [qw(booking_id)] ],
	[ hold_expired => sub {
			my $id = $sql->("SELECT booking_id FROM tixbook.reserve(1, 1, customer => '$sub', hold_for => '1 ms')");
			return rest($web, POST => "/bookings/$id/release", %given);
		}, [qw(booking_id event_id expires_at)] ],
	[ hold_expired => sub {
			my $id = $sql->("SELECT booking_id FROM tixbook.reserve(1, 1, customer => '$sub', hold_for => '1 ms')");
			return $pay->($id, 'tok_test_success');
		}, [qw(booking_id event_id expires_at)] ],
	[ illegal_transition  => sub { rest($web, POST => '/bookings/' . $hold->(1, 1) . '/cancel', %given) }, [qw(booking_id event_id status wanted)] ],
	[ payment_declined    => sub { $pay->($hold->(1, 2), 'tok_test_insufficient_funds', key => key()) }, [qw(booking_id payment_id decline_reason expires_at)] ],
	[ payment_in_progress => sub {
			my $id = $hold->(1, 3);
			$pay->($id, 'tok_test_silent');
			return $pay->($id, 'tok_test_success');
		}, [qw(booking_id payment_id retry_after_ms)], 'retry-after' ],
	[ payment_reference_used => sub {
			my @payments = map { $pay->($hold->(1, $_), 'tok_test_silent')->{json}{payment_id} } 4, 5;
			return (map { $settle->({ payment_id => $_, outcome => 'captured', provider_reference => 'ch_1' }) } @payments)[1];
		}, [qw(event_id payment_reference)] ],
	[ too_late => sub {
			my $id = $hold->(5, 0);
			$pay->($id, 'tok_test_success');
			return rest($web, POST => "/bookings/$id/cancel", %given);
		}, [qw(booking_id starts_at)] ],
	[ payment_not_found => sub { $settle->({ payment_id => $unknown, outcome => 'declined' }) }, [qw(payment_id)] ],
	[ idempotency_key_invalid => sub { $reserve->({ event_id => 1, quantity => 1 }, key => 'k' x 256) }, [qw(max_length)] ],
	[ idempotency_key_invalid => sub { $reserve->({ event_id => 1, quantity => 1 }, key => 'short', token => undef) }, [qw(min_length)] ],
	[ idempotency_key_reused  => sub {
			my $key = key();
			return (map { $reserve->({ event_id => 1, quantity => $_ }, key => $key) } 1, 2)[1];
		}, [] ],
	[ idempotency_key_reused => sub {
			my ($id, $key) = ($hold->(1, 10), key());
			return (map { $pay->($id, $_, key => $key) } 'tok_test_declined', 'tok_test_success')[1];
		}, [] ],
	[ request_in_progress => sub {
			my $key = key();
			$other->begin_work;
			$other->do('SELECT tixbook.reserve(1, 1, customer => ?, idempotency_key => ?)', undef, $sub, $key);
			my $answer = $reserve->({ event_id => 1, quantity => 1 }, key => $key);
			$other->rollback;
			return $answer;
		}, [qw(event_id operation retry_after_ms)], 'retry-after' ],
	(map { my $path = $_; [ idempotency_key_missing => sub {
			my $id = $hold->(1, 14);
			$setting->(require_idempotency_key => 'on');
			my $answer = rest($web, POST => $path eq 'payment' ? "/bookings/$id/payment" : "/bookings/$path", %given,
				body => { payment => { payment_token => 'tok_test_success' }, reserve => { event_id => 1, quantity => 1 },
					'reserve-seats' => { event_id => 1, seats => [15] } }->{$path});
			$setting->(require_idempotency_key => 'off');
			rest($web, POST => "/bookings/$id/release", %given);
			return $answer;
		}, undef ] } qw(reserve reserve-seats payment)),
	[ request_not_found => sub { rest($web, GET => "/requests/$unknown", %given) }, [qw(request_id)] ],
	[ request_not_found => sub { rest($web, POST => "/requests/$unknown/cancel", %given) }, [qw(request_id)] ],
	[ request_ended => sub {
			my $id = $submit->(5, 9)->{json}{request_id};
			for (1 .. 200)
			{
				last if rest($web, GET => "/requests/$id", %given)->{json}{status} ne 'waiting';
				select undef, undef, undef, 0.05;
			}
			return rest($web, POST => "/requests/$id/cancel", %given);
		}, [qw(request_id status booking_id)] ],
	[ backlog_full => sub {
			$sql->('SELECT tixbook.set_request_rate(5, 0.001)');
			$setting->(max_backlog => 1);
			$submit->(5, $_) for 8, 7;
			my $answer = $submit->(5, 6);
			$setting->(max_backlog => 100000);
			return $answer;
		}, [qw(event_id max_backlog retry_after_ms)], 'retry-after' ],
	[ no_payment_provider => sub {
			my $id = $hold->(1, 11);
			$setting->(payment_provider => "'none'");
			my $answer = $pay->($id, 'tok_test_success');
			$setting->(payment_provider => "'test'");
			return $answer;
		}, undef ],
	[ payment_provider_down => sub {
			my $id = $hold->(1, 13);
			$sql->("SELECT tixbook.allow_destination('stripe', 'http://127.0.0.1:9', plaintext => true)");
			$sql->("UPDATE tixbook.destination_health SET breaker = 'open', open_until = now() + interval '1 min'");
			$setting->(payment_provider => "'stripe'");
			my $answer = $pay->($id, 'pm_card_visa');
			$setting->(payment_provider => "'test'");
			return $answer;
		}, [qw(provider retry_after_ms)], 'retry-after' ],
	[ authentication_required => sub {
			my $secret = pack 'H*', $sql->("SELECT encode(secret, 'hex') FROM tixbook.token_key");
			return rest($web, GET => '/bookings', token => forge_token({ alg => 'HS256' }, { role => 'tixbook_customer' }, $secret));
		}, [qw(claim)], 'www-authenticate' ],
	[ wrong_credentials => sub { rest($web, POST => '/accounts/log-in', body => { email => 'nobody@example.org', password => 'x' x 8 }) }, undef, 'www-authenticate' ],
	[ too_many_attempts => sub {
			my $answer;
			$answer = rest($web, POST => '/accounts/log-in', body => { email => 'eve@example.org', password => "guess $_" }) for 1 .. 11;
			return $answer;
		}, [qw(retry_after_ms)], 'retry-after' ],
	[ no_waiting_room       => sub { rest($web, GET => '/events/1/waiting-room') }, [qw(event_id)] ],
	[ not_in_waiting_room   => sub { rest($web, POST => '/queue/status', body => { event_id => 7 }, %given) }, [qw(event_id)] ],
	[ waiting_room_closed   => sub { rest($web, POST => '/queue/join', body => { event_id => 8 }, %given) }, [qw(event_id)] ],
	[ admission_required    => sub { $reserve->({ event_id => 7, quantity => 1 }) }, [qw(event_id starts_at)] ],
	[ admission_invalid     => sub { $reserve->({ event_id => 7, quantity => 1, admission => 'a.b.c' }) }, [qw(event_id)] ],
	[ proof_of_work_required => sub { rest($web, POST => '/queue/join', body => { event_id => 7 }, %given) }, [qw(event_id bits prefix)] ],
	[ too_many_entries      => sub { rest($web, POST => '/queue/join', body => { event_id => 9 }, %given) }, [qw(event_id max)] ],
	[ signature_invalid => sub { rest($web, POST => '/payments/webhook', body => { payment_id => $unknown }) }, [qw(fault)], 'www-authenticate' ],
	[ too_large => sub { rest($web, POST => '/payments/webhook', body => '"' . 'x' x 70_000 . '"') }, undef ],
	[ rate_limited => sub {
			$setting->(customer_limits => "'browse 0.1/1'");
			my $answer = (map { rest($web, GET => '/account', %given) } 1, 2)[1];
			$setting->(customer_limits => "''");
			return $answer;
		}, [qw(limit group per_second burst retry_after_ms)], 'retry-after' ],
);

my %status = map { split /\|/ } split /\n/, $sql->('SELECT reason, http_status FROM tixbook.refusals()');
for my $row (@table)
{
	my ($reason, $reach, $details, @headers) = @$row;
	my $answer = $reach->();
	is(refused($answer), "$status{$reason} $reason", "$reason: $status{$reason}") or diag($answer->{content});
	my $body = $answer->{json};
	is_deeply([ sort keys %$body ], [qw(code details hint message)], 'code, message, details, hint');
	ok(length $body->{message} && length $body->{hint}, 'in words');
	my $members = defined $body->{details} ? decode_json($body->{details}) : undef;
	is_deeply($members && [ grep { !exists $members->{$_} } @{ $details // [] } ], $details && [], "details: @{$details // ['none']}")
	  or diag($answer->{content});
	is($answer->{headers}{'cache-control'}, 'no-store', 'no cache keeps it');
	for my $header (qw(retry-after www-authenticate))
	{
		my $wanted = grep { $_ eq $header } @headers;
		like($answer->{headers}{$header} // '', $wanted ? qr/^(?:[1-9]\d*|Bearer)$/ : qr/^$/, ($wanted ? 'with ' : 'without ') . $header);
	}
}

# What no function over HTTP can come to; none of them says so either.
my @elsewhere = qw(venue_not_found seating_plan_invalid standing_section price_missing preload_required waiting_room_exists waiting_room_not_ready
	destination_not_allowed request_failed refund_not_found);
is_deeply([ sort(uniq(map { $_->[0] } @table), @elsewhere) ], [ sort keys %status ], 'every refusal was reached, or is none of HTTP');
is($sql->("SELECT string_agg(p.proname || ' ' || r.reason, ', ') FROM pg_proc p, tixbook.refusals() r
	WHERE p.pronamespace = 'tixbook_api'::regnamespace AND r.reason IN ('" . join("', '", @elsewhere) . "')
	  AND obj_description(p.oid, 'pg_proc') ~ ('\\m' || r.reason || '\\M')"), '', 'and no function of the API says so');

# The others: what PostgREST and nginx answer by themselves.
for my $row (
	[ '401 42501',    GET  => '/bookings' ],
	[ '403 42501',    POST => '/tickets/check', body => { code => 'x' }, %given ],
	[ '404 PGRST202', POST => '/rpc/no_such_function', body => {} ],
	[ '404 PGRST202', POST => '/rpc/reserve', body => { event_id => 1, quantity => 1, customer => 'eve' }, %given ],
	[ '404 PGRST202', POST => '/rpc/reserve', body => { event_id => 1, quantity => 1, hold_for => '1 day' }, %given ],
	[ '404 not_found', GET => '/no/such/path' ],
	[ '405 method_not_allowed', POST => '/events/1/availability', body => {} ],
	[ '405 PGRST101', PUT => '/bookings/reserve', body => {}, %given ],
	[ '400 22P02',    GET => '/rpc/find_booking?booking_id=x', %given ],
	[ '400 PGRST102', POST => '/bookings/reserve', body => '{"event_id": 1,', %given ],
	[ '413 too_large', POST => '/bookings/reserve', body => '{"event_id": 1, "section": "' . 'x' x 70_000 . '"}', %given ])
{
	my ($wanted, @request) = @$row;
	my $answer = rest($web, @request);
	is(refused($answer), $wanted, "$wanted: @request[0, 1]") or diag($answer->{content});
}

$other->disconnect;
end_shop($web);

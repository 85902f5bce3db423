# Stripe over HTTP: its webhooks, what a customer is told of a provider that is down, and the statement.
use v5.30;
use warnings;
use Digest::SHA 'hmac_sha256_hex';
use JSON::PP;
use Test::More;
use Tixbook::Http;

# Nobody listens on that port: what becomes of payments is told by webhooks alone.
my $web    = new_shop(conf => { 'tixbook.payment_provider' => 'stripe' });
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
my $allow  = sub { $sql->("SELECT tixbook.allow_destination('stripe', 'http://127.0.0.1:9', headers => '{\"Authorization\": \"Bearer sk\"}', plaintext => true, $_[0])") };
my $secret = 'whsec_of_the_test_and_of_nobody_else';
quiet_house($web, 1, 's' x 10);
$allow->('breaker_failures => 1000');
$sql->("SELECT tixbook.set_webhook_secret('stripe', '$secret')");
my %given = (token => customer($web, 'ann'));
my $hold  = sub { rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [ $_[0] ] }, %given)->{json}{booking_id} };
my $pay   = sub { my ($id, $token) = @_; return rest($web, POST => "/bookings/$id/payment", body => { payment_token => $token }, %given) };
my $look  = sub { rest($web, GET => "/bookings/$_[0]", %given)->{json} };
my $send  = sub {
	my ($id, $type, $object, %more) = @_;
	my $body = $more{body} // JSON::PP->new->canonical->encode({ id => $id, object => 'event', type => $type, data => { object => $object } });
	my $time = $more{time} // time;
	return rest($web, POST => '/payments/webhook', body => $body, headers => {
		'Content-Type' => 'application/json; charset=utf-8',
		'Stripe-Signature' => "t=$time,v1=" . hmac_sha256_hex("$time.$body", $more{secret} // $secret) });
};

my $id      = $hold->(0);
my $pending = $pay->($id, 'pm_card_visa');
is(join(' ', $pending->{status}, $pending->{json}{state}), '202 pending', 'a payment is on its way');
my %intent = (object => 'payment_intent', id => 'pi_1', status => 'succeeded', amount_received => 1000, currency => 'eur',
	metadata => { payment_id => $pending->{json}{payment_id} });
my $told = $send->('evt_1', 'payment_intent.succeeded', \%intent);
is(join(' ', $told->{status}, @{ $told->{json} }{qw(result state)}), '200 handled captured', 'the webhook says that it succeeded');
is($look->($id)->{status}, 'confirmed', 'and the booking is confirmed');
$told = $send->('evt_1', 'payment_intent.succeeded', \%intent);
is(join(' ', $told->{status}, @{ $told->{json} }{qw(result reason)}), '200 ignored event_already_handled', 'again, it is ignored');
is(refused($send->('evt_2', 'payment_intent.canceled', \%intent, secret => 'x' x 32)), '401 signature_invalid', 'one with another secret is refused');
is(refused($send->('evt_2', 'payment_intent.canceled', \%intent, time => time - 400)), '401 signature_invalid', 'and an old one');
is(refused($send->('evt_2', 'payment_intent.canceled', { id => 'pi_2', object => 'payment_intent' })), '404 payment_not_found', 'and one for a payment of nobody');
is(refused($send->('evt_2', '', {}, body => '"' . 'x' x 300_000 . '"')), '413 too_large', 'and one too large');
is(rpc($web, 'payment_webhook', '"' . 'x' x 10_000_000 . '"')->{status}, 413, 'however large');
is($send->('evt_2', 'customer.created', { id => 'cus_1' })->{json}{reason}, 'event_type_unknown', 'one about other things is ignored');

# Whoever cancels, the refund is queued.
my $cancelled = rest($web, POST => "/bookings/$id/cancel", %given)->{json};
is(join(' ', $cancelled->{status}, $cancelled->{payment}{refund}{state}), 'cancelled due', 'cancelled, its refund is due');
is($send->('evt_3', 'refund.created', { object => 'refund', id => 're_1', payment_intent => 'pi_1', amount => 1000, status => 'succeeded',
	metadata => { refund_id => $sql->('SELECT refund_id FROM tixbook.refund') } })->{json}{state}, 'refunded', 'and gone back, the webhook says');
is($look->($id)->{payment}{state}, 'refunded', 'as the customer sees');

my $organiser = token_of($web, 'tixbook_organiser', 'org');
my ($month) = @{ rest($web, GET => '/events/1/settlement', token => $organiser)->{json} };
is(join(' ', @$month{qw(currency payments gross refunded net)}), 'EUR 1 1000 1000 0', 'the organiser sees the statement');
is(refused(rest($web, GET => '/events/1/settlement', %given)), '403 42501', 'which is no business of customers');

# A provider that is down
$id = $hold->(1);
my $ends = $look->($id)->{expires_at};
$allow->("breaker_failures => 1, breaker_pause => '1 min', first_pause => '10 ms'");
$sql->("SELECT tixbook.enqueue_dispatch('stripe', '/')");
$sql->("DO 'BEGIN WHILE (SELECT breaker FROM tixbook.destination_health WHERE destination = ''stripe'') <> ''open'' LOOP COMMIT; PERFORM pg_sleep(0.01); END LOOP; END'");
my $down = $pay->($id, 'pm_card_visa');
is(refused($down), '503 payment_provider_down', 'while the provider is down nothing is paid');
cmp_ok($down->{headers}{'retry-after'}, '>=', 30, 'Retry-After says for how long');
is(join(' ', @{ $look->($id) }{qw(status expires_at)}), "held $ends", 'and the hold is as it was');

end_shop($web);

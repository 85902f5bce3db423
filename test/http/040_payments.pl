# Money: declined cards, answers that come late, twice or after the hold, webhooks, refunds.
use v5.30;
use warnings;
use Digest::SHA 'hmac_sha256_hex';
use JSON::PP;
use Test::More;
use Tixbook::Http;

my $web    = new_shop(conf => { 'tixbook.payment_window' => '2s', 'tixbook.expiry_worker' => 'on' });
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, ('s' x 10) x 3);
my $ann    = customer($web, 'ann');
my $me     = rest($web, GET => '/account', token => $ann)->{json}{customer};
my %given  = (token => $ann);
my $hold   = sub { my ($seat, %more) = @_; return rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [$seat] }, %given, %more)->{json}{booking_id} };
my $short  = sub { my ($seat, $time) = @_; return $sql->("SELECT booking_id FROM tixbook.reserve_seats(1, '{$seat}', '$me', '$time')") };
my $pay    = sub { my ($id, $token, %more) = @_; return rest($web, POST => "/bookings/$id/payment", body => { payment_token => $token }, %given, %more) };
my $look   = sub { return rest($web, GET => "/bookings/$_[0]", %given)->{json} };
my $secret = 'the secret of the test provider, long enough';
$sql->("SELECT tixbook.set_webhook_secret('test', '$secret')");
my $webhook = sub {
	my ($said, %more) = @_;
	my $body = $more{body} // JSON::PP->new->canonical->encode($said);
	my $time = $more{time} // time;
	my $hex  = hmac_sha256_hex("$time.$body", $more{secret} // $secret);
	return rest($web, POST => '/payments/webhook', body => $more{send} // $body, headers => { 'Tixbook-Signature' => "t=$time,v1=$hex" });
};

# A declined card does not use up the hold, nor the key of the next attempt.
my $id  = $hold->(0);
my $ends = $look->($id)->{expires_at};
my $key = key();
is(refused($pay->($id, 'tok_test_declined', key => $key)), '402 payment_declined', 'a card is declined');
is($look->($id)->{status}, 'held', 'the booking is held again');
is($look->($id)->{expires_at}, $ends, 'for what was left of its time');
my $again = $pay->($id, 'tok_test_declined', key => $key);
is(refused($again), '402 payment_declined', 'the same request again is declined again');
is($again->{headers}{'idempotency-replayed'}, 'true', 'which is the answer of before');
is($sql->('SELECT count(*) FROM tixbook.payment'), 1, 'and no second payment');
is(refused($pay->($id, 'tok_test_success', key => $key)), '422 idempotency_key_reused', 'another card needs another key');
is($pay->($id, 'tok_test_success', key => key())->{status}, 200, 'and pays');
my $repeat = $pay->($id, 'tok_test_success');
is(join(' ', $repeat->{status}, $repeat->{json}{state}), '200 captured', 'paying again without a key is the same payment');
is($sql->("SELECT count(*) FROM tixbook.payment WHERE state = 'captured'"), 1, 'so it is charged once');
is(refused($pay->($id, 'tok_test_declined')), '409 illegal_transition', 'what is paid cannot be paid with another card');

# A card in flight keeps the seats beyond the end of the hold, for the payment window.
$id = $short->(1, '1 s');
my $pending = $pay->($id, 'tok_test_silent');
is(join(' ', $pending->{status}, $pending->{json}{state}, $pending->{headers}{'retry-after'}), '202 pending 1', 'a provider is silent');
select undef, undef, undef, 1.3;
is($look->($id)->{status}, 'paying', 'its hold would be over, but it is paying');
is(refused(rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [1] })), '409 seat_taken', 'and the seat is not sold again');
my $payment = $pending->{json}{payment_id};
is($webhook->({ payment_id => $payment, outcome => 'captured', provider_reference => 'ch_1' })->{status}, 200, 'the webhook says captured');
is($look->($id)->{status}, 'confirmed', 'and the booking is confirmed');
is($webhook->({ payment_id => $payment, outcome => 'captured', provider_reference => 'ch_1' })->{json}{state}, 'captured', 'the webhook again changes nothing');
is($webhook->({ payment_id => $payment, outcome => 'declined' })->{json}{state}, 'captured', 'nor does one that says otherwise');

# Declined after the end of the hold: it is over.
$id      = $short->(2, '1 s');
$pending = $pay->($id, 'tok_test_silent');
select undef, undef, undef, 1.2;
$webhook->({ payment_id => $pending->{json}{payment_id}, outcome => 'declined', decline_reason => 'stolen_card' });
is($look->($id)->{status}, 'expired', 'declined after the hold had ended: expired');
ok($hold->(2), 'and the seat is free at once');

# The money comes after the window: the same seats again, while they are free.
$id      = $short->(3, '1 s');
$pending = $pay->($id, 'tok_test_silent');
select undef, undef, undef, 2.5;
is($look->($id)->{status}, 'expired', 'the window is over');
$webhook->({ payment_id => $pending->{json}{payment_id}, outcome => 'captured', provider_reference => 'ch_2' });
my $rebooked = $look->($id)->{payment}{rebooked_as};
is(join(' ', $look->($rebooked)->{status}, @{ $look->($rebooked)->{seats} }), 'confirmed 3', 'money that comes late gets the same seat again');
is(scalar @{ rest($web, GET => "/bookings/$rebooked/tickets", %given)->{json} }, 1, 'with its ticket');

# … and when they are gone, the money is due back, and comes back.
$id      = $short->(4, '1 s');
$pending = $pay->($id, 'tok_test_silent');
select undef, undef, undef, 2.5;
ok($hold->(4, token => undef), 'somebody else has the seat');
my $late = $webhook->({ payment_id => $pending->{json}{payment_id}, outcome => 'captured', provider_reference => 'ch_3' });
is($late->{json}{state}, 'captured', 'money that comes for a seat that is gone is captured');
is($sql->('SELECT provider_reference FROM tixbook.due_refund'), 'ch_3', 'and seen to be due');
my $asked = $pay->($id, 'tok_test_silent');
is(refused($asked), '410 hold_expired', 'who asks learns that the hold has ended');
like($asked->{json}{details}, qr/"refund": \{[^}]*"state": "due"/, 'and that his money goes back');
is($sql->('SELECT tixbook.settle_payments()'), 1, 'settle_payments gives it back');
is($look->($id)->{payment}{state}, 'refunded', 'refunded');
is($sql->('SELECT count(*) FROM tixbook.due_refund'), 0, 'nothing is due any more');

# Declined, and then captured after all.
$id      = $hold->(5);
$pending = $pay->($id, 'tok_test_silent')->{json}{payment_id};
$webhook->({ payment_id => $pending, outcome => 'declined' });
$webhook->({ payment_id => $pending, outcome => 'captured', provider_reference => 'ch_4' });
is($look->($id)->{status}, 'confirmed', 'what was said to be declined and then captured is confirmed');
# Two payments for one booking: one of them goes back.
$id      = $hold->(6);
$pending = $pay->($id, 'tok_test_silent')->{json}{payment_id};
$webhook->({ payment_id => $pending, outcome => 'declined' });
is($pay->($id, 'tok_test_success')->{status}, 200, 'another card pays');
$webhook->({ payment_id => $pending, outcome => 'captured', provider_reference => 'ch_5' });
is($sql->('SELECT provider_reference FROM tixbook.due_refund'), 'ch_5', 'and if the first one is captured too, that money is due back');
is($sql->('SELECT tixbook.settle_payments()'), 1, 'and comes back');

# Nobody asks, but settle_payments does.
$id = $hold->(7);
is($pay->($id, 'tok_test_slow')->{status}, 202, 'a provider that takes its time');
$sql->("UPDATE tixbook.payment SET made_at = made_at - interval '3 s' WHERE state = 'pending'");
is($sql->('SELECT tixbook.settle_payments()'), 1, 'is asked by settle_payments');
is($look->($id)->{status}, 'confirmed', 'so the booking is confirmed without its customer');

# Many pay at once, the same and another card.
$id  = $hold->(8);
$key = key();
my @pids = map {
	my $number = $_;
	my $pid    = fork // die;
	if (!$pid)
	{
		my $answer = $pay->($id, 'tok_test_success', key => $number % 2 ? $key : key());
		require POSIX;
		POSIX::_exit($answer->{status} == 200 ? 0 : $answer->{status} == 409 ? 1 : 2);
	}
	$pid
} 1 .. 12;
my @status = map { waitpid $_, 0; $? >> 8 } @pids;
is(scalar(grep { $_ == 2 } @status), 0, 'of twelve payments at once each is paid or told to wait');
is($sql->("SELECT count(*) FROM tixbook.payment WHERE booking_id = '$id'"), 1, 'and one was made');

# Webhooks that are none
$id      = $hold->(9);
$pending = $pay->($id, 'tok_test_silent')->{json}{payment_id};
my %said = (payment_id => $pending, outcome => 'captured', provider_reference => 'ch_6');
my $body = JSON::PP->new->canonical->encode(\%said);
is(refused($webhook->(\%said, secret => 'x' x 32)), '401 signature_invalid', 'a webhook with another secret');
is(refused($webhook->(\%said, time => time - 400)), '401 signature_invalid', 'an old one');
is(refused($webhook->(\%said, send => $body =~ s/ch_6/ch_7/r)), '401 signature_invalid', 'one changed on its way');
is(refused($webhook->({ %said, provider => 'another' })), '401 signature_invalid', 'one of another provider');
is(refused(rest($web, POST => '/payments/webhook', body => \%said)), '401 signature_invalid', 'one without a signature');
is(refused($webhook->({ %said, outcome => 'maybe' })), '422 invalid_parameter', 'one that says maybe');
is(refused($webhook->({ %said, payment_id => 'x' })), '404 payment_not_found', 'one for a payment that is none');
is($look->($id)->{status}, 'paying', 'change nothing');
is($webhook->(undef, body => "{ \"outcome\" :\t\"captured\",\n \"provider_reference\":\"ch_\\u0036\", \"payment_id\": \"$pending\" }")->{status}, 200,
	'the signature is over the bytes, however they are written');

# Cancelling pays back.
is(rest($web, POST => "/bookings/$id/cancel", body => { reason => 'ill' }, %given)->{json}{payment}{state}, 'refunded', 'who cancels has his money back');
is(rest($web, POST => "/bookings/$id/cancel", %given)->{json}{status}, 'cancelled', 'once, however often he does');
my $tickets = $sql->('SELECT count(*) FROM tixbook.ticket');
$sql->("SELECT tixbook.cancel('$rebooked')");
is($sql->('SELECT count(*) FROM tixbook.due_refund'), 1, 'cancelled in SQL, the money is seen to be due');
is($sql->('SELECT tixbook.settle_payments()'), 1, 'and is given back');

# The gate
my $gate = token_of($web, 'tixbook_gate', 'door');
$id = $sql->("SELECT booking_id FROM tixbook.booking WHERE status = 'confirmed' LIMIT 1");
my ($ticket) = @{ rest($web, GET => "/bookings/$id/tickets", %given)->{json} };
my $check = sub { return rest($web, POST => '/tickets/check', body => { code => $_[0] }, token => $gate)->{json} };
is($check->($ticket->{code})->{state}, 'valid', 'the ticket is valid at the gate');
is($check->($ticket->{code})->{label}, $ticket->{label}, 'for its seat');
is($check->($ticket->{code} =~ s/.$/$& eq '0' ? '1' : '0'/er)->{state}, 'unknown', 'another code is not');
is($check->('1.1')->{state}, 'unknown', 'nor is half of one');
rest($web, POST => "/bookings/$id/cancel", %given);
is($check->($ticket->{code})->{state}, 'void', 'cancelled, it is void');
quiet_house($web, 2_147_483_647, 's');
my $last = rest($web, POST => '/bookings/reserve', body => { event_id => 2_147_483_647, quantity => 1 })->{json}{booking_id};
rest($web, POST => "/bookings/$last/payment", body => { payment_token => 'tok_test_success' });
is($check->(rest($web, GET => "/bookings/$last/tickets")->{json}[0]{code})->{state}, 'valid', 'also for the event of the highest number');
my $sales = rest($web, GET => '/events/1/sales', token => token_of($web, 'tixbook_organiser', 'org'))->{json};
is($sales->{sold}, $sql->('SELECT count(*) FROM tixbook.ticket WHERE event_id = 1'), 'the organiser sees what is sold');
is($sales->{revenue}, 1000 * $sales->{sold}, 'and for how much');
is(rest($web, GET => '/events/2147483647/sales', token => token_of($web, 'tixbook_organiser', 'org'))->{json}{sold}, 1,
	'also for the event of the highest number');
is($sql->("SELECT count(*) FROM tixbook.payment p WHERE state = 'pending'"), 0, 'no payment is left open');

end_shop($web);

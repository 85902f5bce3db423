# Stripe's protocol over HTTP: what the official library signs is taken; webhooks that are none are named and change nothing.
use v5.30;
use warnings;
use Digest::SHA 'hmac_sha256_hex';
use JSON::PP;
use Test::More;
use Tixbook::Http;
use Tixbook::Stripe;

my $stripe = Tixbook::Stripe->start;
my $web    = new_shop(conf => { 'tixbook.payment_provider' => 'stripe' });
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, ('s' x 10) x 3);
$stripe->connect_shop($sql, undef);
my $secret = Tixbook::Stripe::SECRET;
my $path   = '/payments/webhook';

# What the official library says; its TAP is a part of ours.
{
	local $ENV{WEBHOOK_SECRET} = $secret;
	open my $library, '-|', 'node', 'test/stripe/library.mjs', $web->url . "/api/v1$path" or die "cannot run node: $!\n";
	my $tests = 0;
	while (my $line = <$library>)
	{
		chomp $line;
		if ($line =~ /^(not )?ok - (.*)/) { $tests++; ok(!$1, $2) }
		else                              { diag($line) if $line !~ /^1\.\./ }
	}
	ok(close $library, 'the official library came to its end');
	cmp_ok($tests, '>=', 60, 'with all it had to say');
}

sub signature
{
	my ($body, %given) = @_;
	my $time = $given{time} // time;
	return "t=$time,v1=" . hmac_sha256_hex("$time.$body", $given{secret} // $secret);
}

# Posts bytes as Stripe does.
sub post
{
	my ($body, $signature) = @_;
	return rest($web, POST => $path, body => $body,
		headers => { 'Content-Type' => 'application/json; charset=utf-8', defined $signature ? ('Stripe-Signature' => $signature) : () });
}

sub becomes
{
	my ($query, $wanted, $name) = @_;
	my $got;
	for (1 .. 300) { $got = $sql->($query); last if $got eq $wanted; select undef, undef, undef, 0.1 }
	return is($got, $wanted, $name);
}

# A payment that Stripe knows and has not told of: its webhook is ours to send.
my $hold = rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 2 }, key => key())->{json}{booking_id};
my $paid = rest($web, POST => "/bookings/$hold/payment", body => { payment_token => 'pm_card_visa' }, key => key());
is($paid->{status}, 202, 'a payment is under way');
is_deeply(rest($web, GET => "/bookings/$hold")->{json}{payment_provider}, { name => 'stripe', test => JSON::PP::true }, 'a booking tells with whom it is paid, in test mode');
becomes("SELECT state FROM tixbook.payment WHERE booking_id = '$hold'", 'captured', 'and is captured, also when no webhook has come');
my ($event) = grep { $_->{body} =~ /"type": "payment_intent.succeeded"/ } @{ $stripe->admin('webhooks/fetch', { max => 100 }) };
my $body = $event->{body};

# All that payments and bookings are, to see that nothing changes.
my $books = sub {
	return $sql->(q(SELECT md5(concat((SELECT json_agg(p ORDER BY payment_id) FROM tixbook.payment p),
		(SELECT json_agg(b ORDER BY booking_id) FROM tixbook.booking b), (SELECT count(*) FROM tixbook.dispatch)))));
};
my $before = $books->();
my $changes_nothing = sub {
	my ($answer, $wanted, $name) = @_;
	is(refused($answer), $wanted, $name);
	is($books->(), $before, '  and changes nothing');
};
my $changed = $body =~ s/"amount": \d+/"amount": 1/r;
isnt($changed, $body, 'a webhook tells of an amount');
$changes_nothing->(post($body, signature($body, secret => 'whsec_of_somebody_else_entirely_or_so')), '401 signature_invalid', 'a webhook signed with another secret');
$changes_nothing->(post($body, undef), '401 signature_invalid', 'one without a signature');
$changes_nothing->(post($body, 't=now,v1=' . 'g' x 64), '401 signature_invalid', 'one whose signature is none');
$changes_nothing->(post($changed, signature($body)), '401 signature_invalid', 'one that was changed on its way');
$changes_nothing->(post($body, signature($body, time => time - 301)), '401 signature_invalid', 'one that is too old');
$changes_nothing->(post($body, signature($body, time => time + 400)), '401 signature_invalid', 'one from the future');
my $late = post($body, $event->{signature});
$changes_nothing->($late, '200', 'one that tells what is known');
is($late->{json}{result}, 'handled', '  and is handled');
for ([ 'replayed as it was', $event->{signature} ], [ 'signed anew', signature($body) ],
	[ 'with a signature of another scheme besides', 'v0=' . 'a' x 64 . ',' . signature($body) ],
	[ 'with two signatures, as while a secret is rolled', signature($body) . ',v1=' . 'a' x 64 ])
{
	my ($how, $signature) = @$_;
	my $again = post($body, $signature);
	$changes_nothing->($again, '200', "the same one $how");
	is(join(' ', @{ $again->{json} }{qw(result reason)}), 'ignored event_already_handled', '  and says that it was handled already');
}
my $faults = sub { return JSON::PP->new->decode(shift->{json}{details} // '{}')->{fault} };
is($faults->(post($body, signature($body, time => time - 301))), 'timestamp_too_old', 'a refusal says what is wrong: the time');
is($faults->(post($body, signature($body, secret => 'x' x 40))), 'signature_wrong', 'the signature');
is($faults->(post($body, undef)), 'signature_malformed', 'or that there is none');
my $huge = sprintf '{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "%s"}}}', 'x' x (10 << 20);
$changes_nothing->(post($huge, signature($huge)), '413 too_large', 'one of ten megabytes');
my $nonsense = '{"id": ';
$changes_nothing->(post($nonsense, signature($nonsense)), '400 PGRST102', 'one that is no JSON');

# Payments that are not ours: of another system on the same account, or never heard of.
my $unknown = sub {
	my ($type, %object) = @_;
	my $told = JSON::PP->new->pretty->canonical->encode({ id => 'evt_unknown', object => 'event', type => $type, livemode => JSON::PP::false,
		created => time, data => { object => { id => 'pi_unknown', object => 'payment_intent', status => 'succeeded', amount => 1000, currency => 'eur', metadata => {}, %object } } });
	return post($told, signature($told));
};
$changes_nothing->($unknown->('payment_intent.succeeded'), '404 payment_not_found', 'one for a payment that nobody knows');
$changes_nothing->($unknown->('payment_intent.succeeded', metadata => { payment_id => '00000000-0000-8000-8000-000000000000' }), '404 payment_not_found', 'one that names a payment that is none');
$changes_nothing->($unknown->('customer.created', object => 'customer'), '200', 'one of a kind that says nothing to us');

# A key for live payments makes it earnest, and is not told.
$sql->(q(SELECT tixbook.allow_destination('stripe', 'http://127.0.0.1:1', '{"Authorization": "Bearer sk_live_secret"}', plaintext => true)));
my $live = rest($web, GET => "/bookings/$hold");
is_deeply($live->{json}{payment_provider}, { name => 'stripe', test => JSON::PP::false }, 'with a live key it is no test');
unlike($live->{content}, qr/sk_live/, 'and the key is nobody\'s business');
$stripe->connect_shop($sql, undef);

# The other webhooks of that payment are taken as well.
$stripe->admin('endpoint', { url => $web->url . "/api/v1$path" });
my $other = rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 1 }, key => key())->{json}{booking_id};
rest($web, POST => "/bookings/$other/payment", body => { payment_token => 'pm_card_visa' }, key => key());
becomes("SELECT status FROM tixbook.booking WHERE booking_id = '$other'", 'confirmed', 'webhooks that come by themselves confirm');
end_shop($web);

# What is written into the outbox reaches its destination, whatever that does to us.
use v5.30;
use warnings;
use Digest::SHA 'hmac_sha256_base64';
use FindBin;
use lib "$FindBin::Bin/../perl";
use MIME::Base64 'decode_base64';
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Hostile;
use Tixbook::Test;

my $node    = new_node('dispatch', conf => [ 'restart_after_crash = on' ]);
my $hostile = Tixbook::Hostile->start($node->basedir . '/requests');
my $url     = $hostile->url;

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

# With pauses that a test can wait for; further options are parameters of allow_destination.
sub allow
{
	my ($destination, %opt) = @_;
	%opt = (url => "'$url'", plaintext => 'true', first_pause => "'20 ms'", timeout => "'1 s'", %opt);
	my $parameters = join ', ', map { "$_ => $opt{$_}" } sort keys %opt;
	return sql("SELECT tixbook.allow_destination('$destination', $parameters)");
}

# Further options are parameters of enqueue_dispatch.
sub enqueue
{
	my ($destination, $path, %opt) = @_;
	my $parameters = join '', map { ", $_ => $opt{$_}" } sort keys %opt;
	return sql("SELECT tixbook.enqueue_dispatch('$destination', '$path'$parameters)");
}

sub becomes
{
	my ($id, $state, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(in_time("SELECT state = '$state' FROM tixbook.dispatch WHERE dispatch_id = $id"), $name)
	  || diag(sql("SELECT * FROM tixbook.dispatch WHERE dispatch_id = $id"));
}

sub value { return sql("SELECT $_[1] FROM tixbook.dispatch WHERE dispatch_id = $_[0]") }

sub processes
{
	return sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tixbook dispatch worker'");
}

sub worker_pid_now
{
	return sql("SELECT pid FROM tixbook.worker_status() WHERE job = 'dispatch' AND pid IS NOT NULL");
}

wait_for_worker($node, 'postgres');
is(processes(), 0, 'without work there is no dispatch worker');


# A message arrives, as it was written.
my $secret = 'whsec_' . 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw2v';
allow('shop', headers => q('{"Authorization": "Bearer abc"}'), signing_secret => "'$secret'");
my $id = enqueue('shop', '/ok?a=1', body => q('{"n": "é"}'), headers => q('{"X-Kind": "test"}'));
becomes($id, 'delivered', 'a message is delivered');
is(value($id, 'http_status, answer, attempts, last_error'), '200|{"answer": "fine"}|1|', 'with its answer');
is(processes(), 1, 'by the worker that its commit has called');
my ($request) = $hostile->requests('/ok');
my $headers = $request->{headers};
is("$request->{method} $request->{path} $request->{body}", 'POST /ok?a=1 {"n": "é"}', 'method, path and body are right');
is($headers->{'x-kind'}, 'test', 'so are headers of its own');
is($headers->{authorization}, 'Bearer abc', 'and those of the destination');
is($headers->{'idempotency-key'}, value($id, 'message_id'), 'it has a key to know repeats by');
my $signed = join '.', @$headers{qw(webhook-id webhook-timestamp)}, $request->{body};
is($headers->{'webhook-signature'}, 'v1,' . hmac_sha256_base64($signed, decode_base64(substr $secret, 6)) . '=',
	'and a signature after the Standard Webhooks scheme');
cmp_ok(abs($headers->{'webhook-timestamp'} - time), '<', 60, 'of just now');

sql("BEGIN; SELECT tixbook.enqueue_dispatch('shop', '/ok/never'); ROLLBACK");
$id = enqueue('shop', '/ok/get', method => "'GET'", idempotency_key => "'mine'");
becomes($id, 'delivered', 'a message without a body is delivered');
is(scalar(my @never = $hostile->requests('/ok/never')), 0, 'one whose transaction rolled back is not sent');
is(($hostile->requests('/ok/get'))[0]{headers}{'idempotency-key'}, 'mine', 'a key that was given is used');
my ($status, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT tixbook.enqueue_dispatch('elsewhere', '/')");
like($error, qr/TB403: .*nothing is sent to elsewhere/, 'nothing goes where an administrator has not allowed it');


# Failures: again after pauses, with the same key, until it works; what is refused is not repeated.
$id = enqueue('shop', '/flaky/3', body => "'again'");
becomes($id, 'delivered', 'what fails is sent again');
my @again = $hostile->requests('/flaky/3');
is(value($id, 'attempts'), 4, 'four attempts are counted');
is(scalar @again, 4, 'and were made');
is(scalar(keys %{ { map { $_->{headers}{'idempotency-key'} => 1 } @again } }), 1, 'all with the same key');
$id = enqueue('shop', '/status/422');
becomes($id, 'dead', 'what is refused becomes a dead letter');
is(value($id, 'outcome, attempts, http_status, last_error'), 'refused|1|422|HTTP status 422', 'which says why');
is(sql('SELECT count(*) FROM tixbook.dead_letter'), 1, 'and can be looked at');
is(sql("SELECT tixbook.retry_dispatches('shop')"), 1, 'dead letters are sent again on demand');
ok(in_time("SELECT attempts = 2 AND state = 'dead' FROM tixbook.dispatch WHERE dispatch_id = $id"), 'and refused again');
allow('brief', give_up_after => "'300 ms'", breaker_failures => 1000);
$id = enqueue('brief', '/status/503');
becomes($id, 'dead', 'what fails for too long is given up');
is(value($id, 'outcome'), 'gave_up', 'as unknown');
cmp_ok(value($id, 'attempts'), '>', 2, 'after some attempts');
$id = enqueue('brief', '/status/429');
becomes($id, 'dead', 'being too fast is no refusal');
cmp_ok(value($id, 'attempts'), '>', 1, 'but tried again');


# In order, where that matters.
my @ids = map { enqueue('shop', $_, ordering_key => "'booking 1'") } '/flaky/2?order', '/ok?order=2', '/ok?order=3';
my $free = enqueue('shop', '/ok?order=free');
becomes($ids[2], 'delivered', 'messages with one ordering key are all delivered');
my @order = map { $_->{path} } grep { $_->{path} =~ /order(=\d|$)/ } $hostile->requests;
is("@order", '/flaky/2?order /flaky/2?order /flaky/2?order /ok?order=2 /ok?order=3', 'each after the one before it');
becomes($free, 'delivered', 'others do not wait for them');
@ids = map { enqueue('shop', $_, ordering_key => "'booking 2'") } '/status/400?dead', '/ok?after=dead';
becomes($ids[1], 'delivered', 'a dead letter does not keep the next from being sent');


# Whatever the other side does, a call ends, and takes nothing from us.
allow('hostile', give_up_after => "'0'", breaker_failures => 1000, concurrency => 20);
becomes(enqueue('hostile', '/ok'), 'delivered', 'a hostile destination can behave');
my $memory_before = sub { slurp_file("/proc/$_[0]/status") =~ /VmHWM:\s+(\d+)/ ? $1 : die }->(worker_pid_now());
my %faults = (
	'/hang'    => qr/timed? ?out/i,
	'/slow'    => qr/timed? ?out|HTTP|header/i,
	'/endless' => qr/the answer is too long/,
	'/headers' => qr/the headers of the answer are too long|header/i,
	'/header'  => qr/the headers of the answer are too long|header|timed out|memory|larger than allowed/i,
	'/garbage' => qr/HTTP|weird|data/i,
	'/close'   => qr/empty reply|reset/i);
my %sent = map { $_ => enqueue('hostile', $_) } sort keys %faults;
for my $fault (sort keys %faults)
{
	becomes($sent{$fault}, 'dead', "$fault ends");
	like(value($sent{$fault}, 'last_error'), $faults{$fault}, 'and says how');
	is(value($sent{$fault}, "ended_at - begun_at < interval '10 s'"), 't', 'in its time');
}
my $memory_after = sub { slurp_file("/proc/$_[0]/status") =~ /VmHWM:\s+(\d+)/ ? $1 : die }->(worker_pid_now());
cmp_ok($memory_after - $memory_before, '<', 16 * 1024, 'the worker has not grown by more than 16 MB');
note "the worker's memory grew by ", $memory_after - $memory_before, ' kB';
$id = enqueue('hostile', '/redirect');
becomes($id, 'dead', 'a redirection is a refusal');
is(scalar(my @stolen = $hostile->requests('/stolen')), 0, 'and is not followed');
$id = enqueue('hostile', '/binary');
becomes($id, 'delivered', 'an answer that is no text');
is(value($id, 'answer IS NULL'), 't', 'is not kept');
allow('nobody', url => "'http://127.0.0.1:1'", give_up_after => "'0'");
becomes(enqueue('nobody', '/'), 'dead', 'where nobody listens nothing arrives');
allow('nowhere', url => "'http://nowhere.invalid'", give_up_after => "'0'");
becomes(enqueue('nowhere', '/'), 'dead', 'nor where there is no such host');


# While a call hangs no transaction is open, and others go on.
allow('hanging', timeout => "'5 min'", concurrency => 2, breaker_failures => 1000);
enqueue('hanging', '/hang/long') for 1 .. 5;
ok(in_time("SELECT sending = 2 AND waiting = 3 FROM tixbook.dispatch_status WHERE destination = 'hanging'"),
	'no more calls than allowed are under way');
ok(in_time("SELECT state = 'idle' AND xact_start IS NULL AND backend_xmin IS NULL
	FROM pg_stat_activity WHERE backend_type = 'tixbook dispatch worker'"),
	'the worker has no transaction open while it waits for them');
becomes(enqueue('shop', '/ok'), 'delivered', 'another destination is served meanwhile');
is(scalar(my @long = $hostile->requests('/hang/long')), 2, 'still two');
my $before = naps(worker_pid_now());
sql('SELECT pg_sleep(1)');
cmp_ok(naps(worker_pid_now()) - $before, '<', 20, 'and it does not spin');


# The worker is terminated, or dies, amid calls: they count, and are made again.
my $pid = worker_pid_now();
sql("SELECT pg_terminate_backend($pid)");
my $attempts = "SELECT sum(attempts) = %d FROM tixbook.dispatch WHERE destination = 'hanging'";
ok(in_time(sprintf $attempts, 4), 'calls that were under way when the worker was terminated count, and two begin again');
is(sql("SELECT count(*) FROM tixbook.dispatch WHERE last_error = 'the worker ended while it was under way'"), 2, 'which says why');
isnt(worker_pid_now(), $pid, 'by another worker');
kill 'KILL', worker_pid_now();
ok(in_time(sprintf $attempts, 6), 'after a crash too, without a new message');
ok(in_time("SELECT sum(attempts) >= ${\scalar(my @all = $hostile->requests('/hang/long'))} FROM tixbook.dispatch WHERE destination = 'hanging'"),
	'nothing was sent that was not counted');
sql("SELECT tixbook.disallow_destination('hanging')");
$node->restart;
ok(in_time("SELECT sending = 0 AND waiting = 5 FROM tixbook.dispatch_status WHERE destination = 'hanging'"),
	'nothing goes to a destination that is not allowed any more');


# The circuit breaker.
my $switch = $node->basedir . '/switch';
allow('breaking', breaker_failures => 3, breaker_pause => "'1 s'", longest_pause => "'50 ms'");
@ids = map { enqueue('breaking', "/switch$switch?$_") } 1 .. 3;
ok(in_time("SELECT breaker = 'open' AND open_until > clock_timestamp() FROM tixbook.dispatch_status WHERE destination = 'breaking'"),
	'a breaker opens after failures in a row');
my $tried = () = $hostile->requests("/switch$switch");
cmp_ok($tried, '<=', 6, 'no more is sent than was under way');
is(sql("SELECT failures >= 3, last_error FROM tixbook.dispatch_status WHERE destination = 'breaking'"), 't|HTTP status 503', 'and the view says why');
ok(in_time("SELECT openings >= 2 FROM tixbook.destination_health WHERE destination = 'breaking'"),
	'it tries, and opens again');
my $now_tried = () = $hostile->requests("/switch$switch");
is($now_tried, $tried + 1, 'with one call');
append_to_file($switch, 'on');
becomes($_, 'delivered', 'once the destination is back, all is delivered') for @ids;
is(sql("SELECT breaker, failures FROM tixbook.dispatch_status WHERE destination = 'breaking'"), 'closed|0', 'and the breaker is closed');


# TLS: whoever has no certificate that we trust, for that name, is not spoken to.
my $dir = $node->basedir;
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=DNS:localhost', '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem");
my $tls_port = PostgreSQL::Test::Cluster::get_free_port();
my $tls = IPC::Run::start([ 'openssl', 's_server', '-accept', $tls_port, '-cert', "$dir/cert.pem", '-key', "$dir/key.pem", '-www', '-quiet' ],
	'<', \undef, '>', "$dir/tls.out", '2>&1');
my $ca = slurp_file("$dir/cert.pem");
my %tls = (plaintext => 'false', give_up_after => "'2 s'", breaker_failures => 1000);
allow('trusted', %tls, url => "'https://localhost:$tls_port'", certificate_authority => "'$ca'");
$id = enqueue('trusted', '/', method => "'GET'");
becomes($id, 'delivered', 'a destination with a certificate that we trust');
allow('stranger', %tls, url => "'https://localhost:$tls_port'");
$id = enqueue('stranger', '/', method => "'GET'");
becomes($id, 'dead', 'one with a certificate that nobody knows');
like(value($id, 'last_error'), qr/certificate/i, 'is not spoken to');
allow('misnamed', %tls, url => "'https://127.0.0.1:$tls_port'", certificate_authority => "'$ca'");
$id = enqueue('misnamed', '/', method => "'GET'");
becomes($id, 'dead', 'nor one with that of another name');
like(value($id, 'last_error'), qr/certificate|name/i, 'and says so');
$tls->kill_kill;


# Organisers hear what becomes of bookings, until they say that they want no more.
my $event = new_house($node, 'postgres', 2, 5);
allow('organiser', url => "'$url/ok/hook'", signing_secret => "'$secret'");
allow('former',    url => "'$url/status/410'", signing_secret => "'$secret'");
sql("SELECT tixbook.subscribe_webhook('$_', event_id => $event)") for qw(organiser former);
my $booking = sql("SELECT booking_id FROM tixbook.reserve($event, 2)");
sql("SELECT tixbook.confirm('$booking', 'payment'); SELECT tixbook.cancel('$booking')");
sql("SELECT tixbook.reserve($event, 1, hold_for => '1 s')");
ok(in_time("SELECT count(*) = 3 FROM tixbook.dispatch WHERE destination = 'organiser' AND state = 'delivered'"),
	'an organiser is told of each change');
my @told = map { $_->{body} =~ /"type": "booking\.(\w+)"/ } $hostile->requests('/ok/hook');
is("@told", 'confirmed cancelled expired', 'in the order of the changes');
ok(in_time("SELECT disabled_reason = 'HTTP status 410' FROM tixbook.webhook_subscription WHERE destination = 'former'"),
	'one that answers 410 is told no more');
is(sql("SELECT count(*) FROM tixbook.dispatch WHERE destination = 'former' AND state IN ('waiting', 'behind')"), 0, 'also of what has waited');


# The worker comes and goes.
ok(in_time("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'tixbook dispatch worker'"), 'the worker is there');
$node->append_conf('postgresql.conf', 'tixbook.worker_idle = 1');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook dispatch worker'"),
	'an idle worker leaves');
becomes(enqueue('shop', '/ok?back'), 'delivered', 'and comes back for the next message');
allow('later', first_pause => "'4 s'", longest_pause => "'4 s'");
$id = enqueue('later', '/flaky/1?later');
ok(in_time("SELECT state = 'resting' AND next_wake > now() FROM tixbook.worker_status() WHERE job = 'dispatch'"),
	'it does not stay for what is due later');
becomes($id, 'delivered', 'and comes back for that in time');
$node->append_conf('postgresql.conf', 'tixbook.dispatch_worker = off');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook dispatch worker'"), 'a setting sends it away');
$id = enqueue('shop', '/ok?off');
$node->append_conf('postgresql.conf', 'tixbook.dispatch_worker = on');
$node->reload;
becomes($id, 'delivered', 'and brings it back to what has waited');
$node->append_conf('postgresql.conf', 'tixbook.dispatch_ttl = 0');
$node->reload;
enqueue('shop', '/ok?last');
ok(in_time("SELECT count(*) = 0 FROM tixbook.dispatch WHERE state = 'delivered'"), 'what was delivered goes when its time is over');

sql('CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION tixbook CASCADE');
$node->safe_psql('other', "SELECT tixbook.allow_destination('hanging', '$url', plaintext => true, timeout => '5 min');
	SELECT tixbook.enqueue_dispatch('hanging', '/hang/other')");
ok($node->poll_query_until('other', "SELECT sending = 1 FROM tixbook.dispatch_status"), 'a call hangs in another database');
my ($took) = sql("SELECT clock_timestamp() AS began \\gset\nDROP DATABASE other;\nSELECT clock_timestamp() - :'began' < interval '2 s'");
is($took, 't', 'which can be dropped at once');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'all that without a fault');

$hostile->stop;
$node->stop;
done_testing();

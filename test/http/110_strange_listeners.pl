# Who listens as no browser does, harms nobody: what it sends is no request of its own, and no process of nginx ends by it.
use v5.30;
use warnings;
use IO::Socket::INET;
use Test::More;
use Tixbook::Http;
use Tixbook::Live;

my $web    = new_shop();
my @events = map { "/events/$_" } 1, '1/queue', 99, '99/queue';

# The statuses of all answers to what is sent, until the connection ends or a request that follows it was answered.
sub answers
{
	my ($text) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $web->{port}, Timeout => 20) or die "nobody listens: $@\n";
	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { $socket->shutdown(2) };
	alarm 10;
	print {$socket} $text, "GET /api/v1/events/search HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
	my $answer = do { local $/; readline $socket } // '';
	alarm 0;
	return join ' ', $answer =~ m{^HTTP/1\.1 (\d+)}mg;
}

sub ask
{
	my ($method, $path, $body, @headers) = @_;
	return join '', map { "$_\r\n" } "$method /live$path HTTP/1.1", 'Host: shop', @headers, '', $body;
}

# A body that is a request: were it left in the connection, it would be answered, by 404, before the last one is.
my $hidden = "GET /hidden HTTP/1.1\r\nHost: shop\r\n\r\n";
chomp(my $booking = '/bookings/' . $web->{server}->sql('shop', 'SELECT gen_random_uuid()'));
for my $path (@events, $booking, '/', '/nothing')
{
	my $status = $path =~ m{^/(?:nothing)?$} ? qr/40[45]/ : 400;
	for my $method (qw(POST PUT DELETE OPTIONS GET HEAD))
	{
		my $whole = substr(ask($method, $path, $hidden, 'Content-Length: ' . length $hidden), 0, -2);
		my $parts = ask($method, $path, sprintf("%x\r\n%s\r\n0\r\n", length $hidden, $hidden), 'Transfer-Encoding: chunked');
		like(answers($whole), qr/^$status(?: 200)?$/, "$method /live$path with a body is one request");
		like(answers($parts), qr/^$status(?: 200)?$/, 'so it is in chunks');
	}
}

# Ids that were never given out, and channels that nobody has published to: one after the other, as they stand in each other's way.
my @ids = ('-1', ':', '1:', '5:[1],2', time . ':0', time . ':0,[1]', time + 60 . ':0', 'none', '1' x 40 . ':1');
for my $path (@events, $booking)
{
	like(answers(ask('GET', $path, '', "If-None-Match: $_")), qr/^400/, "no id in If-None-Match: $_") for @ids;
	like(answers(ask('GET', $path, '', 'If-Modified-Since: Fri, 27 Nov 2026 08:00:00 GMT')), qr/^400/, 'none in If-Modified-Since');
	my @lines = map { Tixbook::Live->listen_to($web, $path, 'eventsource', $_) } @ids;
	is(join(' ', map { $_->{status} } @lines), join(' ', (200) x @ids), "any in Last-Event-ID, which is not looked at: $path");
	push @lines, map { Tixbook::Live->listen_to($web, "$path?last_event_id=$_", 'websocket') } @ids;
	is(join(' ', map { $_->{status} } @lines[ -@ids .. -1 ]), join(' ', (101) x @ids), 'or in the path');
	$_->close for @lines;
}
like(answers(ask('GET', $events[0], '')), qr/^40\d/, 'who only asks is told to listen');

quiet_house($web, 1, 'ssss');
my $line = Tixbook::Live->listen_to($web, $events[0], 'websocket');
$web->{server}->sql('shop', 'SELECT tixbook.reserve(1, 1)');
is(($line->message // {})->{type}, 'availability.update', 'and who listens is told');

end_shop($web);

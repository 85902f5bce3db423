# A browser that listens at the edge, by WebSocket or EventSource.
package Tixbook::Live;
use v5.30;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes 'time';

my %HEADERS = (
	websocket   => "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
	eventsource => "Accept: text/event-stream\r\n");

# since: the id of the last message that was seen, which EventSource tells when it comes back.
sub listen_to
{
	my ($class, $web, $path, $way, $since) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $web->{port}) or die "nobody listens: $@\n";
	my $self = bless { socket => $socket, way => $way, text => '' }, $class;
	print {$socket} "GET /live$path HTTP/1.1\r\nHost: localhost\r\n$HEADERS{$way}", defined $since ? "Last-Event-ID: $since\r\n" : (), "\r\n";
	my $head = $self->take(sub { $_[0] =~ s/\A(.*?\r\n)\r\n//s ? $1 : undef }) // '';
	($self->{status}) = $head =~ m{\AHTTP/1\.1 (\d+)};
	$self->{chunked} = $head =~ /^transfer-encoding: chunked/im;
	return $self;
}

# Reads until the function finds something in the text, for some seconds; undef: it did not.
sub take
{
	my ($self, $find, $seconds) = @_;
	my $until = time + ($seconds // 20);
	while (1)
	{
		my $found = $find->($self->{text});
		return $found if defined $found;
		my $left = $until - time;
		return if $left <= 0 || !IO::Select->new($self->{socket})->can_read($left);
		return if !sysread $self->{socket}, $self->{text}, 65536, length $self->{text};
	}
}

# The next message, decoded. undef: none came.
sub message
{
	my ($self, $seconds) = @_;
	my $text = $self->take($self->{way} eq 'websocket' ? \&frame : \&event, $seconds) // return;
	$self->{last_id} = $1 if $text =~ s/\Aid: (\S+)\n//;
	return decode_json($text);
}

# The first message that suits.
sub message_that
{
	my ($self, $suits) = @_;
	while (my $message = $self->message) { return $message if $suits->($message) }
	return;
}

sub frame
{
	while (length $_[0] >= 2)
	{
		my ($type, $length) = unpack 'CC', $_[0];
		my $head = $length == 126 ? 4 : $length == 127 ? 10 : 2;
		return if length $_[0] < $head;
		$length = $head == 4 ? unpack('x2 n', $_[0]) : $head == 10 ? unpack('x2 Q>', $_[0]) : $length;
		return if length $_[0] < $head + $length;
		my $text = substr substr($_[0], 0, $head + $length, ''), $head;
		return $text if $type == 0x81;
	}
	return;
}

# Lengths of chunks and comments are passed over.
sub event
{
	return $_[0] =~ s/\A.*?^(id: \S+)\r?\n(?:event: [^\n]*\n)?data: ([^\n]*)\n\r?\n//sm ? "$1\n$2" : undef;
}

sub close { my ($self) = @_; return close $self->{socket} }

1;

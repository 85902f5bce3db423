# An HTTP server on a port of its own that does what a path says, most of it bad, and keeps what it was asked.
package Tixbook::Hostile;
use v5.30;
use warnings;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();

sub start
{
	my ($class, $log) = @_;
	my $listener = IO::Socket::INET->new(Listen => 100, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "no port: $@";
	open my $made, '>', $log or die "cannot write $log: $!";
	my $pid = fork // die "cannot fork: $!";
	serve($listener, $log) if !$pid;
	return bless { pid => $pid, log => $log, port => $listener->sockport }, $class;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

# What came in, oldest first: {path, headers, body, at}; with a path, only that.
sub requests
{
	my ($self, $path) = @_;
	open my $in, '<', $self->{log} or die "cannot read $self->{log}: $!";
	my @requests = map { decode_json($_) } <$in>;
	return grep { !defined $path || $_->{path} =~ /^\Q$path\E(\?|$)/ } @requests;
}

sub stop
{
	my ($self) = @_;
	kill 'TERM', -(delete $self->{pid} // return);
	return;
}

sub DESTROY { my ($self) = @_; local $?; $self->stop; return }

sub serve
{
	my ($listener, $log) = @_;
	setpgrp;
	$SIG{$_} = 'DEFAULT' for qw(INT TERM);    # what the test's handlers end is the test's own
	$SIG{CHLD} = 'IGNORE';
	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my $client = $listener->accept or next;
		next if fork // 1;
		close $listener;
		1 while answer($client, $log);
		POSIX::_exit(0);
	}
}

sub is_whole
{
	my ($text) = @_;
	my ($head, $body) = split /\r\n\r\n/, $text, 2;
	my ($length) = ($head // '') =~ /^content-length: (\d+)/im;
	return defined $body && length $body >= ($length // 0);
}

sub read_request
{
	my ($client) = @_;
	my $text = '';
	until (is_whole($text)) { sysread($client, $text, 65536, length $text) or return }
	my ($head, $body) = split /\r\n\r\n/, $text, 2;
	my ($first, @lines) = split /\r\n/, $head;
	my ($method, $path) = split / /, $first;
	my %headers = map { /^([^:]+): *(.*)/ ? (lc $1 => $2) : () } @lines;
	return { method => $method, path => $path, headers => \%headers, body => $body, at => time };
}

sub note
{
	my ($log, $request) = @_;
	open my $out, '>>', $log or die "cannot write $log: $!";
	syswrite $out, encode_json($request) . "\n";
	return;
}

sub say_answer
{
	my ($client, $status, $body, @headers) = @_;
	my $text = join "\r\n", "HTTP/1.1 $status Whatever", 'Content-Length: ' . length $body, @headers, '', $body;
	return syswrite $client, $text;
}

sub trickle
{
	my ($client, $text, $pause) = @_;
	while (syswrite $client, $text) { select undef, undef, undef, $pause if $pause }
	return;
}

my %DEEDS = (
	ok       => sub { say_answer($_[0], 200, '{"answer": "fine"}') },
	status   => sub { say_answer($_[0], $_[1], '{}', 'Retry-After: 0') },
	wait     => sub { select undef, undef, undef, $_[1]; say_answer($_[0], 200, '{}') },
	hang     => sub { sleep 1000; 0 },
	close    => sub { 0 },
	garbage  => sub { syswrite $_[0], "\0\x{ff}\x{fe} what?\r\n" x 100; 0 },
	redirect => sub { say_answer($_[0], 302, '', 'Location: /stolen') },
	slow     => sub { trickle($_[0], 'H', 0.05); 0 },
	endless  => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\n\r\n"; trickle($_[0], 'x' x 100_000); 0 },
	headers  => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\n"; trickle($_[0], 'X-Filler: ' . 'x' x 1000 . "\r\n"); 0 },
	header   => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\nX-Filler: "; trickle($_[0], 'x' x 10_000); 0 },
	binary   => sub { say_answer($_[0], 200, "\0\x{ff}\x{fe}") },
	# Fails until it has been asked so many times.
	flaky    => sub { say_answer($_[0], $_[2] > $_[1] ? 200 : 500, '{}') },
	# Works while a file of that name is there.
	switch   => sub { say_answer($_[0], -e "/$_[1]" ? 200 : 503, '{}') });

# False when the connection is over.
sub answer
{
	my ($client, $log) = @_;
	my $request = read_request($client) or return 0;
	note($log, $request);
	my ($deed, $argument) = $request->{path} =~ m{^/(\w+)(?:/?([^?]*))?};
	my $asked = grep { $_->{path} eq $request->{path} } requests({ log => $log });
	return ($DEEDS{$deed} // sub { say_answer($_[0], 404, '') })->($client, $argument, $asked);
}

1;

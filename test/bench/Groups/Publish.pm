# Publishing: whether who books notices that what he does is told as it happens.
package Groups::Publish;
use v5.30;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Houses;

my $SEATS = 1_000_000;

# A fan-out server that takes whatever it is told.
my ($fan_out, $pid);

sub group
{
	return {
		name    => 'publish',
		title   => 'reserve with publishing',
		seconds => 8,
		lines   => [
			{
				name    => 'publishing_off',
				title   => 'off',
				script  => 'reserve',
				on      => sub { $_[0]->beside('silent') },
				prepare => \&prepare,
				check   => \&Houses::verify
			},
			{
				name    => 'publishing_on',
				title   => 'on, to listeners and to a fan-out server',
				script  => 'reserve',
				on      => sub { $_[0]->beside('publishing', 'tixbook.publish' => 'on') },
				prepare => \&prepare_telling,
				check   => \&check_told,
				compare => [ publishing_off => 0.95 ]
			} ]
	};
}

sub prepare { return { event => Houses::event($_[0], $SEATS, 100) } }

sub prepare_telling
{
	my ($bench) = @_;
	start_fan_out() if !$fan_out;
	my $url = 'http://127.0.0.1:' . $fan_out->sockport;
	$bench->sql("SELECT tixbook.allow_destination('realtime', '$url', plaintext => true)");
	return prepare($bench);
}

sub start_fan_out
{
	$fan_out = IO::Socket::INET->new(Listen => 100, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "no port: $@\n";
	$pid = fork // die "cannot fork: $!\n";
	return if $pid;
	my ($all, %text) = (IO::Select->new($fan_out));
	while (my @ready = $all->can_read)
	{
		for my $socket (@ready)
		{
			if ($socket == $fan_out) { $all->add($fan_out->accept // next) }
			elsif (sysread $socket, $text{$socket}, 65536, length($text{$socket} // '')) { answer($socket, \$text{$socket}) }
			else { delete $text{$socket}; $all->remove($socket); close $socket }
		}
	}
	POSIX::_exit(0);
}

sub answer
{
	my ($socket, $text) = @_;
	my ($head, $body) = split /\r\n\r\n/, $$text, 2;
	return if !defined $body || length $body < ($head =~ /^content-length: (\d+)/im ? $1 : 0);
	$$text = '';
	syswrite $socket, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
	return;
}

# It was told all the time, and nothing failed.
sub check_told
{
	my ($bench, $given) = @_;
	my ($published, $failed) = split /\|/, $bench->sql('SELECT published, failed FROM tixbook.publish_status()');
	return "$published publications were made, and $failed failed" if $published < 10 || $failed;
	return Houses::verify($bench, $given);
}

END { my $status = $?; kill 'KILL', $pid if $pid; $? = $status }

1;

# Dispatch: whether who books notices that what is to be told of bookings goes nowhere.
package Groups::Dispatch;
use v5.30;
use warnings;
use IO::Socket::INET;
use Houses;

my $SEATS    = 1_000_000;
my $MESSAGES = 20_000;

# It takes every connection, reads nothing and never answers.
my $hanging;

sub group
{
	return {
		name    => 'dispatch',
		title   => 'reserve beside an outbox',
		seconds => 8,
		lines   => [
			{
				name    => 'nothing_to_send',
				title   => 'with nothing to send',
				script  => 'reserve',
				on      => \&server,
				prepare => outbox(0),
				check   => \&Houses::verify
			},
			{
				name    => 'hanging_destination',
				title   => 'with 20,000 messages to a destination that hangs',
				script  => 'reserve',
				on      => \&server,
				prepare => outbox($MESSAGES),
				check   => \&check_outbox,
				compare => [ nothing_to_send => 0.95 ]
			} ]
	};
}

sub server { return $_[0]->beside('dispatch') }

sub outbox
{
	my ($messages) = @_;
	return sub {
		my ($bench) = @_;
		$hanging //= IO::Socket::INET->new(Listen => 1000, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "no port: $@\n";
		my $url = 'http://127.0.0.1:' . $hanging->sockport;
		$bench->sql("TRUNCATE tixbook.dispatch;
			SELECT tixbook.allow_destination('hanging', '$url', plaintext => true, timeout => '1 s', breaker_pause => '1 s');
			SELECT count(tixbook.enqueue_dispatch('hanging', '/' || i, repeat('x', 500), ordering_key => (i % 5000)::text))
			FROM generate_series(1, $messages) i");
		return { event => Houses::event($bench, $SEATS, 100) };
	};
}

# All is still there, and it was tried to send it.
sub check_outbox
{
	my ($bench, $given) = @_;
	my ($tried, $left, $breaker) = split /\|/, $bench->sql("SELECT sum(attempts), count(*), (SELECT breaker FROM tixbook.dispatch_status)
		FROM tixbook.dispatch WHERE state <> 'delivered'");
	return "$left messages of $MESSAGES are left, and $tried attempts were made (breaker $breaker)"
	  if $left != $MESSAGES || !$tried;
	return Houses::verify($bench, $given);
}

1;

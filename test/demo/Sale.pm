# The sale: starts the buyers, hears what they saw, makes trouble now and then, and keeps the figures.
package Sale;
use v5.30;
use warnings;
use IO::Select;
use POSIX ();
use Time::HiRes 'time';
use Buyer;
use Harness qw(slurp);
use House;

# Terminates a buyer's backend in the middle of a call, if one is caught within a moment, else any.
my $INTERRUPT = <<'SQL';
DO $$
DECLARE
    victim integer;
BEGIN
    FOR attempt IN 1..60 LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT pid INTO victim FROM pg_stat_activity
        WHERE application_name LIKE 'buyer-%' AND (state = 'active' AND query LIKE '%tixbook.%' OR attempt = 60)
        ORDER BY random() LIMIT 1;
        EXIT WHEN victim IS NOT NULL;
    END LOOP;
    PERFORM pg_terminate_backend(victim);
END
$$
SQL

# given: dbh, dsn, event, seconds, buyers, view, log
sub new
{
	my ($class, %given) = @_;
	return bless { %given, latency => {}, refusals => {}, repeats => {}, interrupted => 0, holds => 0, faults => [] }, $class;
}

sub run
{
	my ($self) = @_;
	local $SIG{CHLD} = 'DEFAULT';
	$self->{started} = time;
	$self->{stop_at} = $self->{started} + $self->{seconds};
	$self->start_buyers;
	my $next_trouble = $self->{started} + 3;
	while (%{ $self->{pids} })
	{
		$self->listen(0.2);
		$self->reap;
		$self->look;
		next if time < $next_trouble || time > $self->{stop_at} - 2;
		$next_trouble = time + 2;
		$self->make_trouble;
	}
	$self->{lasted} = time - $self->{started};
	push @{ $self->{faults} }, "$self->{died} buyers died:\n" . slurp($self->{log}) if $self->{died};
	$self->wait_for_the_last_holds;
	return;
}

sub start_buyers
{
	my ($self) = @_;
	pipe my $reader, my $writer or die "cannot make a pipe: $!\n";
	my %given = (
		dsn      => $self->{dsn},
		event    => $self->{event},
		pipe     => $writer,
		log      => $self->{log},
		stop_at  => $self->{stop_at},
		reasons  => $self->{dbh}->selectall_hashref('SELECT sqlstate, reason FROM tixbook.refusals()', 'sqlstate'),
		blocks   => [ grep { $_->[1] > 1 } @{ House::best_blocks($self->{dbh}, $self->{event}) } ],
		seated   => House::sections($self->{dbh}, $self->{event}, 'seated'),
		standing => House::sections($self->{dbh}, $self->{event}, 'standing'));
	$_ = $_->{reason} for values %{ $given{reasons} };
	for my $number (1 .. $self->{buyers})
	{
		my $pid = fork // die "cannot fork: $!\n";
		if (!$pid)
		{
			$SIG{INT} = $SIG{TERM} = 'DEFAULT';
			$self->{dbh}{InactiveDestroy} = 1;
			Buyer::run(%given, number => $number);
		}
		$self->{pids}{$pid} = $number;
	}
	@$self{qw(reader select heard)} = ($reader, IO::Select->new($reader), '');
	return;
}

sub listen
{
	my ($self, $seconds) = @_;
	my $until = time + $seconds;
	while ((my $left = $until - time) > 0)
	{
		next if !$self->{select}->can_read($left);
		sysread $self->{reader}, $self->{heard}, 65536, length $self->{heard} or last;
		$self->hear($1, $2, $3) while $self->{heard} =~ s/^(\S+) (\S+) (\S+)\n//;
	}
	return;
}

sub hear
{
	my ($self, $name, $milliseconds, $outcome) = @_;
	if ($name eq 'repeat')
	{
		$self->{repeats}{$outcome}++;
		return;
	}
	if ($outcome eq 'interrupted')
	{
		$self->{interrupted}++;
		return;
	}
	push @{ $self->{latency}{$name} }, $milliseconds;
	if    ($outcome ne 'ok')    { $self->{refusals}{$outcome}++ }
	elsif ($name =~ /^reserve/) { $self->{holds}++ }
	return;
}

# Buyers end by themselves, in order.
sub reap
{
	my ($self) = @_;
	while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0)
	{
		delete $self->{pids}{$pid} // next;
		$self->{died}++ if $?;
	}
	return;
}

# The worker that ends holds is terminated once, half-way.
sub make_trouble
{
	my ($self) = @_;
	if (!$self->{worker_terminated} && time > $self->{started} + $self->{seconds} / 2)
	{
		($self->{worker_terminated}) = $self->{dbh}->selectrow_array(
			"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker'");
	}
	$self->{dbh}->do($INTERRUPT);
	$self->{terminated}++;
	return;
}

# At most twice a second, and often enough for the picture.
sub look
{
	my ($self) = @_;
	return if time < ($self->{looked} // 0) + $self->{view}->pause;
	my $since = time - ($self->{looked} // $self->{started});
	my $rate  = ($self->{holds} - ($self->{holds_seen} // 0)) / ($since || 1);
	@$self{qw(looked holds_seen)} = (time, $self->{holds});
	$self->{view}->show(
		sections => House::state($self->{dbh}, $self->{event}),
		elapsed  => time - $self->{started},
		rate     => $rate,
		refusals => $self->{refusals});
	return;
}

# Whoever walked away at the end: their holds end too, soon after their time.
sub wait_for_the_last_holds
{
	my ($self) = @_;
	for (1 .. 60)
	{
		my ($live) = $self->{dbh}->selectrow_array(
			"SELECT count(*) FROM tixbook.booking WHERE event_id = ? AND status = 'held'", undef, $self->{event});
		$self->look;
		return if !$live;
		select undef, undef, undef, 0.25;
	}
	push @{ $self->{faults} }, 'holds were still there long after their end';
	return;
}

1;

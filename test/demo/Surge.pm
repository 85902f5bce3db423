# The surge: a stadium and a hundred thousand who want to get in, a fifth of them bots.  They gather in the waiting
# room, places are drawn, they are let in at a pace, and all is sold; then it is proved that it went by the rules.
package Surge;
use v5.30;
use warnings;
use IO::Select;
use JSON::PP qw(decode_json);
use List::Util qw(max min sum0);
use POSIX ();
use Time::HiRes qw(time);
use Crowd;
use Figure;
use Harness qw(commify slurp);
use House;

my $GATHER     = 30;            # seconds from the opening of the room to the start of the sale
my $LATE       = 25;            # seconds in which those come who come after the start
my $PUNCTUAL   = 0.93;          # of all
my $BOT        = 5;             # every so manieth is one
my $PACE       = 400;           # admissions a second
my $MOST       = 3_000;         # live sessions
my $SESSION    = '30 s';
my $NO_SHOW    = '20 s';
my $HOLD       = '15 s';
my $PATIENCE   = 300;           # seconds until it must be over

# given: dbh, dsn, view, log, fans, tries (of each bot), crowds (processes)
sub new
{
	my ($class, %given) = @_;
	return bless { fans => 100_000, tries => 100, crowds => 16, most => $MOST, %given, total => {}, samples => [], faults => [] }, $class;
}

sub run
{
	my ($self) = @_;
	local $SIG{CHLD} = 'DEFAULT';
	$self->{event} = House::open_stadium($self->{dbh}, int($self->{fans} / 50), $HOLD);
	$self->{capacity} = $self->{dbh}->selectrow_array('SELECT capacity FROM tixbook.event WHERE event_id = ?', undef, $self->{event});
	$self->open_room;
	$self->start_crowds;
	until ($self->is_over)
	{
		$self->listen(0.25);
		$self->sample;
	}
	$self->{lasted} = time - $self->{started};
	$self->send_home;
	return;
}

# The clock of the surge starts with the room.
sub open_room
{
	my ($self) = @_;
	$self->{started} = $self->{dbh}->selectrow_array(
		"SELECT extract(epoch FROM now()), r FROM tixbook.open_waiting_room(?::integer, now() + ?::interval, ?::numeric, ?::integer, ?::interval, ?::interval) AS r",
		undef, $self->{event}, "$GATHER s", $PACE, $self->{most}, $SESSION, $NO_SHOW);
	return;
}

sub is_bot { return $_[0] % $BOT == 0 }

# Most come before the start, and more and more the nearer it is.
sub arrival
{
	return rand() < $PUNCTUAL ? $GATHER * sqrt(rand) * 0.97 : $GATHER + $LATE * rand()**2;
}

sub start_crowds
{
	my ($self) = @_;
	pipe my $reader, my $writer or die "cannot make a pipe: $!\n";
	srand(2026);
	my @parts;
	push @{ $parts[ $_ % $self->{crowds} ] }, [ arrival(), $_ ] for 1 .. $self->{fans};
	my $reasons = $self->{dbh}->selectall_hashref('SELECT sqlstate, reason FROM tixbook.refusals()', 'sqlstate');
	my %given = (
		(map { $_ => $self->{$_} } qw(dsn event started tries log)),
		starts  => $GATHER,
		is_bot  => \&is_bot,
		pipe    => $writer,
		reasons => { map { $_ => $reasons->{$_}{reason} } keys %$reasons });
	for my $number (0 .. $#parts)
	{
		my $pid = fork // die "cannot fork: $!\n";
		if (!$pid)
		{
			$SIG{INT} = $SIG{TERM} = 'DEFAULT';
			$self->{dbh}{InactiveDestroy} = 1;
			Crowd::run(%given, number => $number, arrivals => $parts[$number]);
		}
		$self->{pids}{$pid} = $number;
	}
	@$self{qw(reader writer select heard)} = ($reader, $writer, IO::Select->new($reader), '');
	return;
}

sub listen
{
	my ($self, $seconds) = @_;
	my $until = time + $seconds;
	while ((my $left = $until - time) > 0)
	{
		next if !$self->{select}->can_read($left);
		$self->hear or last;
	}
	return;
}

# False: nobody will say anything any more.
sub hear
{
	my ($self) = @_;
	sysread $self->{reader}, $self->{heard}, 65536, length $self->{heard} or return 0;
	while ($self->{heard} =~ s/^(.*)\n//)
	{
		my $count = decode_json($1);
		$self->{total}{$_} += $count->{$_} for keys %$count;
	}
	return 1;
}

# Twice a second: how far it is, for the view and for the chart.
sub sample
{
	my ($self) = @_;
	return if time < ($self->{sampled} // 0) + 0.5;
	my ($let_in, $active, $sold, $live) = $self->{dbh}->selectrow_array(<<~'SQL', undef, ($self->{event}) x 4);
		SELECT (SELECT p.fans FROM tixbook.waiting_room_pointer p WHERE p.event_id = ?),
		       (SELECT count(*) FROM tixbook.waiting_room_session s WHERE s.event_id = ? AND s.session_ends > now()),
		       (SELECT count(*) FROM tixbook.ticket t WHERE t.event_id = ?),
		       (SELECT count(*) FROM tixbook.booking b WHERE b.event_id = ? AND b.status = 'held')
		SQL
	my $joined = sum0(map { $self->{total}{$_} // 0 } qw(fans bots));
	my %now = (second => time - $self->{started} - $GATHER, joined => $joined, let_in => $let_in // 0, active => $active, sold => $sold, held => $live);
	push @{ $self->{samples} }, \%now;
	$self->{sampled} = time;
	$self->{tenths} //= $self->look_at_draw if defined $let_in;
	$self->{view}->tell(sprintf('%+4.0f s  joined %s  waiting %s  let in %s  choosing %s  sold %s', $now{second},
		map { commify($_) } $joined, $joined - $now{let_in}, $now{let_in}, $active, $sold),
		$self->{fans}, $now{let_in}, $joined - $now{let_in});
	return;
}

# Who stands in which tenth of the draw: bots, all, and the first tenth to join.
sub look_at_draw
{
	my ($self) = @_;
	return $self->{dbh}->selectall_arrayref(<<~'SQL', undef, $self->{event});
		SELECT 10 * tixbook.draw_position(r.seed, r.drawn, e.entry) / r.drawn AS tenth, count(*) FILTER (WHERE e.customer LIKE 'bot%'),
		       count(*), count(*) FILTER (WHERE e.entry < r.drawn / 10)
		FROM tixbook.waiting_room_entry e JOIN tixbook.waiting_room r USING (event_id)
		WHERE event_id = ? AND e.entry < r.drawn GROUP BY 1 ORDER BY 1
		SQL
}

# All is sold and nothing is held any more; or it is taking too long.
sub is_over
{
	my ($self) = @_;
	my $last = $self->{samples}[-1] // return 0;
	return 1 if $last->{sold} == $self->{capacity} && !$last->{held};
	return 0 if time < $self->{started} + $PATIENCE;
	push @{ $self->{faults} }, sprintf 'the surge was not over after %d s', $PATIENCE;
	return 1;
}

sub send_home
{
	my ($self) = @_;
	kill 'TERM', keys %{ $self->{pids} };
	my $writer = delete $self->{writer};
	close $writer;
	1 while $self->hear;
	for my $pid (keys %{ $self->{pids} })
	{
		waitpid $pid, 0;
		$self->{died}++ if $?;
	}
	push @{ $self->{faults} }, "$self->{died} crowds died" if $self->{died};
	push @{ $self->{faults} }, "$self->{total}{faults} faults were seen" if $self->{total}{faults};
	push @{ $self->{faults} }, 'they said: ' . substr(slurp($self->{log}), 0, 2000) if -s $self->{log};
	return;
}

1;

# A part of the surge's crowd: one process with one connection that is some thousands of fans, each with a time at
# which he does what comes next.  Joining, looking at the queue, and what bots try, go by the dozen or the hundred in one
# statement; who reserves or pays does it alone.  What came of it all goes to the surge through a pipe, a line a second.
package Crowd;
use v5.30;
use warnings;
use DBI;
use JSON::PP ();
use List::Util qw(max min);
use POSIX ();
use Time::HiRes qw(time sleep);

my $TICKS_PER_SECOND  = 10;
my $LOOKS_A_STATEMENT = 400;
my $JOINS_A_STATEMENT = 25;
my $FIRST_LOOK        = 4;      # seconds after the start in which all look where they stand

# A bot that gets to it so much later leaves it: meanwhile it may have missed its turn, and would get a new entry.
my $TOO_LATE = 2;

# Of a hundred fans: who has gone when it is his turn, and who takes seats and does not pay.
my ($GONE, $WALKS_OFF) = (6, 4);
my @PARTIES = ((1) x 20, (2) x 45, (3) x 15, (4) x 20);

my %CALLS = (
	join => 'SELECT w.n, j.entry FROM unnest(?::text[]) WITH ORDINALITY AS w (customer, n),
		LATERAL tixbook.join_waiting_room(?::integer, w.customer) AS j',
	try_to_join => 'SELECT count(*), min(j.entry), max(j.entry) FROM generate_series(1, ?::integer) AS n,
		LATERAL tixbook.join_waiting_room(?::integer, left(?::text, 20 + 0 * n)) AS j',
	look => 'SELECT w.n, s.state, s.position, s.token, extract(epoch FROM s.next_look)
		FROM unnest(?::text[]) WITH ORDINALITY AS w (customer, n), LATERAL tixbook.queue_status(?::integer, w.customer) AS s',
	reserve => 'SELECT booking_id, cardinality(seats) FROM tixbook.reserve(?::integer, ?::integer, customer => ?::text, admission => ?::text)',
	confirm => 'SELECT status FROM tixbook.confirm(?::uuid, ?::text)');

# Never returns.  Given: dsn, event, number, arrivals ([ second, fan ], ...), is_bot, tries (of each bot), started (the
# time at second 0), starts (the second of the start), pipe, log, reasons (by SQLSTATE).
sub run
{
	my (%given) = @_;
	my $self = bless { %given, due => {}, count => {}, position => {}, entry => {}, tick => -1, told => time }, 'Crowd';
	open STDERR, '>>', $self->{log};    # the terminal is the view's
	srand(1000 + $self->{number});
	my $finished = eval { $self->live; 1 };
	print STDERR "crowd $self->{number}: $@" if !$finished;
	POSIX::_exit($finished ? 0 : 1);
}

sub live
{
	my ($self) = @_;
	local $SIG{TERM} = sub { $self->{over} = 1 };
	$self->{dbh} = DBI->connect("$self->{dsn};application_name=crowd-$self->{number}",
		undef, undef, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
	$self->at($_->[0], join => $_->[1]) for @{ $self->{arrivals} };
	for ($self->{tick} = 0; !$self->{over}; $self->{tick}++)
	{
		my $early = $self->{tick} / $TICKS_PER_SECOND - $self->now;
		sleep $early if $early > 0;
		$self->serve(delete $self->{due}{ $self->{tick} } // []);
	}
	$self->tell;
	$self->{dbh}->disconnect;
	return;
}

sub at
{
	my ($self, $second, @what) = @_;
	push @{ $self->{due}{ max(int($TICKS_PER_SECOND * $second), $self->{tick} + 1) } }, \@what;
	return;
}

sub now { return time - $_[0]{started} }

sub serve
{
	my ($self, $due) = @_;
	my %due;
	push @{ $due{ $_->[0] } }, [ @$_[ 1 .. $#$_ ] ] for @$due;
	for my $what (qw(confirm reserve try_to_join))
	{
		$self->$what(@$_) for @{ $due{$what} // [] };
	}
	my @joins = map { $_->[0] } @{ $due{join} // [] };
	$self->join(splice @joins, 0, $JOINS_A_STATEMENT) while @joins;
	# The last in the queue are looked at first: so whoever is admitted there, those before him must be, too.
	my @looks = sort { ($self->{position}{$b} // -1) <=> ($self->{position}{$a} // -1) } map { $_->[0] } @{ $due{look} // [] };
	$self->look(splice @looks, 0, $LOOKS_A_STATEMENT) while @looks;
	$self->tell if time > $self->{told} + 1;
	return;
}

sub name { my ($self, $fan) = @_; return ($self->{is_bot}->($fan) ? 'bot-' : 'fan-') . $fan }

sub join
{
	my ($self, @fans) = @_;
	my $rows = $self->call('join', [ map { $self->name($_) } @fans ], $self->{event}) // return;
	$self->joined($fans[ $_->[0] - 1 ], $_->[1]) for @$rows;
	return;
}

sub joined
{
	my ($self, $fan, $entry) = @_;
	my $is_bot = $self->{is_bot}->($fan);
	$self->{count}{ $is_bot ? 'bots' : 'fans' }++;
	$self->{entry}{$fan} = $entry if $is_bot;
	$self->at($self->now + rand 2, try_to_join => $fan, $self->{tries}) if $is_bot;
	$self->at(max($self->{starts}, $self->now) + rand $FIRST_LOOK, look => $fan) if rand(100) >= $GONE;
	return;
}

# As often as he may, he has the entry he has.
sub try_to_join
{
	my ($self, $fan, $tries) = @_;
	return if $self->now - $self->{tick} / $TICKS_PER_SECOND > $TOO_LATE;
	my $row = $self->call('try_to_join', $tries, $self->{event}, $self->name($fan)) // return;
	$self->{count}{tries} += $row->[0];
	$self->fault("bot $fan has another entry: @$row, not $self->{entry}{$fan}") if $row->[1] != $self->{entry}{$fan} || $row->[2] != $self->{entry}{$fan};
	return;
}

sub look
{
	my ($self, @fans) = @_;
	my $rows = $self->call('look', [ map { $self->name($_) } @fans ], $self->{event}) // return;
	$self->{count}{looks} += @fans;
	my $let_in;
	for my $row (@$rows)
	{
		my ($n, $state, $position, $token, $next_look) = @$row;
		my $fan = $fans[ $n - 1 ];
		$self->check_place($fan, $state, $position, $let_in);
		$let_in //= $position if $state eq 'admitted';
		if    ($state eq 'admitted')            { $self->at($self->now + 0.3 + rand 2, reserve => $fan, $token, $PARTIES[ rand @PARTIES ]) }
		elsif ($state =~ /^(?:missed|ended|closed)$/) { $self->{count}{$state}++ }
		else                                    { $self->at($self->now + $next_look * (0.8 + rand 0.2), look => $fan) }
	}
	return;
}

# A place once drawn stays, and nobody before let in waits.
sub check_place
{
	my ($self, $fan, $state, $position, $let_in) = @_;
	return if !defined $position;
	$self->fault("fan $fan was overtaken: at $position he waits while $let_in is let in") if $state eq 'waiting' && defined $let_in && $let_in > $position;
	$self->fault("fan $fan stood at $self->{position}{$fan} and stands at $position") if ($self->{position}{$fan} // $position) != $position;
	$self->{position}{$fan} = $position;
	return;
}

# A party that is too large for what is left comes smaller.
sub reserve
{
	my ($self, $fan, $token, $party) = @_;
	my $hold = $self->call('reserve', $self->{event}, $party, $self->name($fan), $token);
	if ($hold)
	{
		$self->{count}{held}++;
		$self->at($self->now + 0.2 + rand 1.5, confirm => $hold->[0]) if rand(100) >= $WALKS_OFF;
	}
	elsif ($party > 1 && $self->{refused} =~ /^(?:not_enough_seats|sold_out)$/)
	{
		$self->at($self->now + rand 1, reserve => $fan, $token, $party - 1);
	}
	return;
}

# Who has paid makes room for others by that.
sub confirm
{
	my ($self, $booking) = @_;
	$self->call('confirm', $booking, "card-$booking");
	return;
}

# Rows of what goes by the hundred, else the one row; undef, and the reason in refused, when it was refused.
sub call
{
	my ($self, $name, @arguments) = @_;
	my $statement = $self->{dbh}->prepare_cached($CALLS{$name});
	my $rows = eval { $statement->execute(@arguments); $statement->fetchall_arrayref };
	return $name =~ /^(?:join|look)$/ ? $rows : $rows->[0] if $rows;
	$self->{refused} = $self->{reasons}{ $self->{dbh}->state } // die "$name: $@";
	$self->{count}{"refused $self->{refused}"}++;
	return undef;
}

sub fault
{
	my ($self, $what) = @_;
	$self->{count}{faults}++;
	print STDERR "$what\n" if ++$self->{faults} < 4;
	return;
}

sub tell
{
	my ($self) = @_;
	syswrite $self->{pipe}, JSON::PP::encode_json($self->{count}) . "\n";
	@$self{qw(count told)} = ({}, time);
	return;
}

1;

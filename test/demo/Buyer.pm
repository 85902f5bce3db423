# One of many buyers: a process with its own connection that wishes, thinks, pays or walks away.
# What it saw of each call goes to the sale through a pipe, a line a call: name, milliseconds, outcome.
package Buyer;
use v5.30;
use warnings;
use DBI;
use POSIX ();
use Time::HiRes qw(time sleep);

my %CALLS = (
	look => 'SELECT tixbook.to_bytea(taken) FROM tixbook.availability(?::integer)',
	reserve => 'SELECT booking_id, seats::text, amount, expires_at, adjacent
		FROM tixbook.reserve(?::integer, ?::integer, section => ?::text, customer => ?::text,
		                     idempotency_key => ?::text, accessible => ?::boolean)',
	reserve_seats => 'SELECT booking_id, seats::text, amount, expires_at, adjacent
		FROM tixbook.reserve_seats(?::integer, ?::integer[], customer => ?::text, idempotency_key => ?::text)',
	confirm => 'SELECT status FROM tixbook.confirm(?::uuid, ?::text)',
	release => 'SELECT status FROM tixbook.release(?::uuid)');

# Of a hundred wishes: best available, named seats, the rest standing.
my ($BEST, $NAMED) = (55, 25);
# Of a hundred holds: paid, given up, the rest left to end by themselves.
my ($PAYS, $GIVES_UP) = (74, 8);
# How many of a hundred requests are sent twice.
my $REPEATS = 6;
my @PARTIES = ((1) x 15, (2) x 40, (3) x 15, (4) x 20, (5) x 5, (6) x 5);

# Never returns; given: dsn, event, number, pipe, log, stop_at, reasons, blocks, seated, standing.
sub run
{
	my %given = @_;
	my $self = bless {%given}, 'Buyer';
	open STDERR, '>>', $self->{log};    # the terminal is the view's
	srand($$ ^ int(1000 * time));
	my $done = eval {
		$self->connect;
		$self->serve while time < $self->{stop_at};
		$self->{dbh}->disconnect;
		1;
	};
	print STDERR "buyer $self->{number}: $@" if !$done;
	POSIX::_exit($done ? 0 : 1);
}

sub connect
{
	my ($self) = @_;
	$self->{dbh} = DBI->connect("$self->{dsn};application_name=buyer-$self->{number}",
		undef, undef, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
	return;
}

# One customer at the window.
sub serve
{
	my ($self) = @_;
	$self->think(0.22);
	$self->{customer} = 'fan-' . int rand 1_000_000;
	my $dice = rand 100;
	my $hold =
	    $dice < $BEST          ? $self->wish_best
	  : $dice < $BEST + $NAMED ? $self->wish_named
	  :                          $self->wish_standing;
	return if !$hold;
	$self->think(0.12);
	$dice = rand 100;
	if    ($dice < $PAYS)             { $self->call('confirm', $hold->[0], "card-$hold->[0]") }
	elsif ($dice < $PAYS + $GIVES_UP) { $self->call('release', $hold->[0]) }
	return;
}

sub wish_best
{
	my ($self) = @_;
	return $self->reserve(1 + int rand 2, undef, 1) if rand(100) < 1;
	my $section = rand(100) < 50 ? undef : pick($self->{seated});
	return $self->reserve(pick(\@PARTIES), $section) // $section && $self->reserve(pick(\@PARTIES), undef);
}

sub wish_standing
{
	my ($self) = @_;
	return $self->reserve(pick(\@PARTIES), pick($self->{standing}));
}

# Looks at the map, sees two free seats near the stage, and is often not the only one.
sub wish_named
{
	my ($self) = @_;
	my $row   = $self->call('look', $self->{event}) or return;
	my $taken = $row->[0];
	for (1 .. 50)
	{
		my ($first, $seats) = @{ $self->{blocks}[ @{ $self->{blocks} } * rand()**3 ] };
		my $seat = $first + int rand($seats - 1);
		next if vec($taken, $seat, 1) || vec($taken, $seat + 1, 1);
		$self->think(0.15);
		return $self->wish('reserve_seats', $self->{event}, "{$seat," . ($seat + 1) . '}',
			$self->{customer}, $self->new_key);
	}
	return;
}

sub reserve
{
	my ($self, $quantity, $section, $accessible) = @_;
	return $self->wish('reserve', $self->{event}, $quantity, $section, $self->{customer}, $self->new_key,
		$accessible ? 't' : 'f');
}

# Some requests come twice, as from a client that lost the answer: the second answer must be the first.
sub wish
{
	my ($self, @request) = @_;
	my $hold = $self->call(@request) // return;
	if (rand(100) < $REPEATS)
	{
		my $again = $self->call(@request);
		$self->tell('repeat', 0, $again && "@$again" eq "@$hold" ? 'same' : 'different');
	}
	return $hold;
}

# The answer's row, or undef when it was refused.  A lost connection or a busy moment: the same request again.
sub call
{
	my ($self, $name, @arguments) = @_;
	for (1 .. 50)
	{
		my $started = time;
		my $row     = eval { $self->fetch($name, @arguments) };
		my $outcome = $row ? 'ok' : $self->what_happened;
		$self->tell($name, 1000 * (time - $started), $outcome);
		return $row if $row;
		return if $outcome !~ /^(?:interrupted|busy|request_in_progress)$/;
		sleep 0.02 + rand 0.05;
	}
	die "$name: no answer after 50 attempts\n";
}

sub fetch
{
	my ($self, $name, @arguments) = @_;
	my $statement = $self->{dbh}->prepare_cached($CALLS{$name});
	$statement->execute(@arguments);
	my $row = $statement->fetchrow_arrayref or die "$name: no row\n";
	$row = [@$row];
	$statement->finish;
	return $row;
}

# The reason of a refusal, or a lost connection, which is made anew; anything else has no place here.
sub what_happened
{
	my ($self) = @_;
	my $error = $@;
	my $reason = $self->{reasons}{ $self->{dbh}->state };
	return $reason if defined $reason;
	die $error if $self->{dbh}->ping;
	local $SIG{__WARN__} = sub { };    # statements of the lost connection cannot be freed on the server
	$self->connect;
	return 'interrupted';
}

sub tell
{
	my ($self, $name, $milliseconds, $outcome) = @_;
	syswrite $self->{pipe}, sprintf "%s %.3f %s\n", $name, $milliseconds, $outcome;
	return;
}

sub think { sleep -$_[1] * log(1 - rand); return }
sub pick { return $_[0][ rand @{ $_[0] } ] }
sub new_key { return sprintf '%d-%d-%08x', $$, ++$_[0]{requests}, rand 2**32 }

1;

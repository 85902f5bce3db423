# A client with many customers: each holds a seat and pays for it, some with a card that is declined first, some
# with so little time that the money comes late, and some cancel. It goes on through crashes of the server, as a web
# server would: with the same keys.
package Tixbook::Payer;
use v5.30;
use warnings;
use Tixbook::Patient;

use constant AT_A_TIME => 30;

my @BAD_CARDS = qw(pm_card_chargeDeclined pm_card_chargeDeclinedInsufficientFunds pm_card_authenticationRequired);

# given: dsn, number (of the client), event, customers (how many).
sub new
{
	my ($class, %given) = @_;
	srand $given{number};
	return bless { %given, db => Tixbook::Patient->new($given{dsn}), begun => 0, open => [], counts => {} }, $class;
}

# Returns counts: what became of the customers.
sub run
{
	my ($self) = @_;
	while ($self->{begun} < $self->{customers} || @{ $self->{open} })
	{
		push @{ $self->{open} }, $self->new_customer
		  while $self->{begun} < $self->{customers} && @{ $self->{open} } < AT_A_TIME;
		$self->look;
		for my $customer (@{ $self->{open} }) { $self->can("step_$customer->{step}")->($self, $customer) }
		@{ $self->{open} } = grep { $_->{step} ne 'done' } @{ $self->{open} };
		select undef, undef, undef, 0.02;
	}
	$self->{counts}{lost} = $self->{db}{lost} // 0;
	return $self->{counts};
}

sub new_customer
{
	my ($self) = @_;
	my $name = sprintf 'customer %d of client %d', ++$self->{begun}, $self->{number};
	return {
		name    => $name,
		tries   => 0,
		hold    => rand() < 0.2 ? '1 s' : '10 min',
		cards   => [ (rand() < 0.15 ? $BAD_CARDS[ rand @BAD_CARDS ] : ()), rand() < 0.5 ? 'pm_card_visa' : 'pm_card_mastercard' ],
		cancels => rand() < 0.05,
		step    => 'reserve'
	};
}

# A key for each wish: the same one however often it is told.
sub key { my ($customer) = @_; return "$customer->{name}, $customer->{step} $customer->{tries}" }

sub count { my ($self, $what) = @_; $self->{counts}{$what}++; return }

sub step_reserve
{
	my ($self, $customer) = @_;
	my ($rows, $refused) = $self->{db}->ask('SELECT booking_id FROM tixbook.reserve(?, 1, customer => ?, hold_for => ?::interval, idempotency_key => ?)',
		$self->{event}, $customer->{name}, $customer->{hold}, key($customer));
	return $self->count("reserve $refused") if !$rows;
	@$customer{qw(booking step)} = ($rows->[0][0], 'pay');
	return $self->step_pay($customer);
}

sub step_pay
{
	my ($self, $customer) = @_;
	my ($rows, $refused) = $self->{db}->ask('SELECT payment_id FROM tixbook.pay(?, ?, ?)', $customer->{booking}, $customer->{cards}[0], key($customer));
	if ($rows) { @$customer{qw(payment step)} = ($rows->[0][0], 'wait'); return }
	$self->count("pay $refused");
	$self->begin_anew($customer) if $refused !~ /^TB(?:107|404)$/;
	return;
}

# Too late: the hold is over. He takes another seat, with time enough.
sub begin_anew
{
	my ($self, $customer) = @_;
	@$customer{qw(tries step hold)} = ($customer->{tries} + 1, 'reserve', '10 min');
	return;
}

# What became of all payments that are waited for.
sub look
{
	my ($self) = @_;
	my @waiting = grep { $_->{step} eq 'wait' } @{ $self->{open} } or return;
	my ($rows) = $self->{db}->ask('SELECT payment_id, state, coalesce(rebooked_as, booking_id) FROM tixbook.payment WHERE payment_id = ANY (?)',
		[ map { $_->{payment} } @waiting ]);
	my %found = map { $_->[0] => $_ } @$rows;
	for my $customer (@waiting)
	{
		my (undef, $state, $booking) = @{ $found{ $customer->{payment} } // die "payment $customer->{payment} was acknowledged, and is not there\n" };
		next if $state eq 'pending';
		@$customer{qw(state booking)} = ($state, $booking);
		$customer->{step} = 'settled';
	}
	return;
}

sub step_wait { return }

sub step_settled
{
	my ($self, $customer) = @_;
	$self->count($customer->{state});
	if ($customer->{state} ne 'declined') { $customer->{step} = $customer->{cancels} ? 'cancel' : 'done'; return }
	return $self->begin_anew($customer) if @{ $customer->{cards} } == 1;    # a good card, and no time
	shift @{ $customer->{cards} };
	@$customer{qw(tries step)} = ($customer->{tries} + 1, 'pay');
	return;
}

# The booking of money that came too late is not confirmed, and cannot be cancelled.
sub step_cancel
{
	my ($self, $customer) = @_;
	my ($rows, $refused) = $self->{db}->ask('SELECT FROM tixbook.cancel(?, ?)', $customer->{booking}, 'ill');
	$self->count($rows ? 'cancelled' : "cancel $refused");
	$customer->{step} = 'done' if $rows || $refused ne 'TB107';
	return;
}

1;

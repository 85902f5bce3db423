# Thousands pay through a provider that fails in every way it can, and the database crashes three times meanwhile:
# each charge has one confirmed booking or one refund to show for it, and nobody is charged twice.
# PAYMENTS is how many customers there are (1,500 take a minute or so); faults and customers are chosen by fixed seeds.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';
use Tixbook::Patient;
use Tixbook::Payer;
use Tixbook::Postman;
use Tixbook::Stripe;
use Tixbook::Test;

my $CUSTOMERS = $ENV{PAYMENTS} || 1500;
my ($PAYERS, $POSTMEN) = (6, 3);

my $stripe = Tixbook::Stripe->start(
	seed => 45,
	timeout => 0.05, error_before => 0.025, error_after => 0.025, lost => 0.02, limit => 0.01,
	duplicate => 0.1, delay => 0.2, delay_ms => 2000);
my $node = new_node('payments', conf => [
	"tixbook.payment_provider = 'stripe'", "tixbook.payment_window = '3 s'", 'tixbook.dispatch_concurrency = 64', 'max_connections = 60', 'log_statement = none' ]);
my $dsn  = sprintf 'dbi:Pg:host=%s;port=%s;dbname=postgres;user=%s', $node->host, $node->port, $ENV{USER} // getpwuid $<;
my $db   = Tixbook::Patient->new($dsn);
my $log  = PostgreSQL::Test::Utils::tempdir();

sub value { my ($rows) = $db->ask(@_); return $rows->[0][0] }

# A house with hardly more seats than there are customers: what comes back late is wanted by others.
my $event = new_house($node, 'postgres', POSIX::ceil($CUSTOMERS / 50) + 1, 50);
$stripe->connect_shop(sub { $node->safe_psql('postgres', $_[0]) }, undef, timeout => "'2 s'", concurrency => 64);

# Runs work in a process of its own, which leaves what it returns as JSON in a file.
sub in_background
{
	my ($name, $work) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	return { pid => $pid, name => $name } if $pid;
	my $done = eval { append_to_file("$log/$name", encode_json($work->())); 1 };
	diag("$name: $@") if !$done;
	POSIX::_exit($done ? 0 : 1);
}

# The sums of what they count; each must have come to its end.
sub ended
{
	my @children = @_;
	my %sums;
	for my $child (@children)
	{
		waitpid $child->{pid}, 0;
		is($?, 0, "$child->{name} comes to its end");
		my $counts = eval { decode_json(slurp_file("$log/$child->{name}")) } // {};
		$sums{$_} += $counts->{$_} for keys %$counts;
	}
	return \%sums;
}

sub told { my ($counts) = @_; return join ', ', map { "$_ $counts->{$_}" } sort keys %$counts }


# Twenty are charged after their time: the seats of ten are taken meanwhile.
sub pay_late
{
	my @bookings = map { value("SELECT booking_id FROM tixbook.reserve($event, 1, customer => ?, hold_for => '1 s')", "late $_") } 1 .. 20;
	$stripe->admin('faults', { slow => 1, slow_ms => 6000 });
	value('SELECT state FROM tixbook.pay(?, ?, ?)', $_, 'pm_card_visa', "late payment of $_") for @bookings;
	my $expired = sub { return value("SELECT count(*) FROM tixbook.booking WHERE status = 'expired'") };
	select undef, undef, undef, 0.05 until $expired->() == @bookings;
	value("SELECT seats FROM tixbook.reserve_seats($event, (SELECT seats FROM tixbook.booking WHERE booking_id = ?), 'rival')", $_) for @bookings[ 0 .. 9 ];
	select undef, undef, undef, 0.05 while value("SELECT count(*) FROM tixbook.payment WHERE state = 'pending'");
	$stripe->admin('faults', { slow => 0.03, slow_ms => 4000 });
	return;
}

pay_late();


# The sale, and three crashes at a quarter, a half and three quarters of it.
my $began   = time;
my @payers  = map { my $number = $_; in_background("payer $number", sub {
	Tixbook::Payer->new(dsn => $dsn, number => $number, event => $event, customers => POSIX::ceil($CUSTOMERS / $PAYERS))->run }) } 1 .. $PAYERS;
my @postmen = map { in_background("postman $_", sub { Tixbook::Postman::run($stripe, $dsn, "$log/over") }) } 1 .. $POSTMEN;
for my $crash (1 .. 3)
{
	select undef, undef, undef, 0.1
	  until value("SELECT count(*) FROM tixbook.payment WHERE state IN ('captured', 'refunded')") >= $crash * $CUSTOMERS / 4;
	my $sending = value("SELECT count(*) FROM tixbook.dispatch WHERE state = 'sending'");
	note "crash $crash with $sending calls under way";
	$crash == 2 ? $node->kill9 : $node->stop('immediate');
	# Until the last process has noticed that the server is dead, no other one can take its place.
	until ($node->start(fail_ok => 1)) { $node->{_pid} = undef; select undef, undef, undef, 0.2 }
}
my $customers = ended(@payers);
my $sold      = time - $began;
note sprintf '%d customers in %.1f s: %s', $CUSTOMERS, $sold, told($customers);
cmp_ok($customers->{lost}, '>=', $PAYERS, 'the crashes were felt');

# The dust settles: nothing is pending, due, under way or on its way.
my %unsettled = (
	'payments that are pending'      => "SELECT count(*) FROM tixbook.payment WHERE state = 'pending'",
	'bookings that are being paid'   => "SELECT count(*) FROM tixbook.booking WHERE status = 'paying'",
	'money that is due back'         => 'SELECT count(*) FROM tixbook.due_refund',
	'calls that are not answered'    => "SELECT count(*) FROM tixbook.dispatch WHERE state NOT IN ('delivered', 'dead')");
my $left;
for (1 .. 1500)
{
	$left = join ', ', grep { value($unsettled{$_}) } sort keys %unsettled;
	$left ||= $stripe->admin('counts')->{webhooks}{open} ? 'webhooks that are not taken' : '';
	last if !$left;
	select undef, undef, undef, 0.2;
}
is($left, '', 'nothing is pending when the dust has settled');
append_to_file("$log/over", '');
my $webhooks = ended(@postmen);
my $counts   = $stripe->admin('counts');
note sprintf 'settled %.1f s later; webhooks: %s', time - $began - $sold, told($webhooks);
note 'faults: ', told($counts->{injected});
note 'requests: ', told($counts->{requests});
note 'calls: ', value(<<~'SQL');
	SELECT string_agg(format('%s %s by %s attempts', kind, calls, attempts), ', ' ORDER BY kind)
	FROM (SELECT kind, count(*) AS calls, sum(attempts) AS attempts FROM tixbook.dispatch GROUP BY kind) AS k
	SQL
cmp_ok($counts->{injected}{$_}, '>', 0, "there were faults: $_") for sort keys %{ $counts->{injected} };


# The books of both sides agree.
my $books    = $stripe->admin('charges');
my @charges  = grep { $_->{status} eq 'succeeded' } @{ $books->{charges} };
my %charge   = map { $_->{payment_intent} => $_ } @charges;
my ($rows)   = $db->ask(<<~'SQL');
	SELECT p.provider_reference, p.state, p.amount, b.status, b.payment_reference = p.provider || ':' || p.provider_reference,
	       coalesce(p.rebooked_as, p.booking_id), p.rebooked_as IS NOT NULL
	FROM tixbook.payment p JOIN tixbook.booking b ON b.booking_id = coalesce(p.rebooked_as, p.booking_id)
	WHERE p.state IN ('captured', 'refunded')
	SQL
my %payment  = map { $_->[0] => { state => $_->[1], amount => $_->[2], confirmed => $_->[3] eq 'confirmed' && $_->[4], booking => $_->[5], late => $_->[6] } } @$rows;
my %refunds;
push @{ $refunds{ $_->{payment_intent} } }, $_ for @{ $books->{refunds} };

# One confirmed booking, or one refund of all of it.
sub is_matched
{
	my ($charge) = @_;
	my $payment = $payment{ $charge->{payment_intent} } or return 0;
	my @refunds = @{ $refunds{ $charge->{payment_intent} } // [] };
	return 0 if $charge->{amount} != $payment->{amount};
	return !@refunds && $payment->{state} eq 'captured' if $payment->{confirmed};
	return @refunds == 1 && $payment->{state} eq 'refunded' && $refunds[0]{amount} == $charge->{amount};
}

is(scalar(keys %charge), scalar(@charges), 'no intent was charged twice');
is_deeply([ grep { !is_matched($_) } @charges ], [], 'every charge has one confirmed booking, or one refund');
is_deeply([ grep { !$charge{$_} } sort keys %payment ], [], 'and no payment is there without a charge');
my %charged;
$charged{ $payment{ $_->{payment_intent} }{booking} }++ for grep { !$refunds{ $_->{payment_intent} } } @charges;
is_deeply([ grep { $charged{$_} > 1 } sort keys %charged ], [], 'nobody is charged twice');
is(value("SELECT count(*) FROM tixbook.booking WHERE status = 'confirmed'"), scalar(keys %charged), 'there are as many confirmed bookings as charges that were kept');
is(value('SELECT count(*) FROM tixbook.ticket'), scalar(keys %charged), 'and as many tickets');
is(value('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');
is(value('SELECT count(*) FROM tixbook.verify_payments()'), 0, 'nor does verify_payments()');
my $rebooked = grep { $_->{late} } values %payment;
my $too_late = value("SELECT count(*) FROM tixbook.refund WHERE reason = 'late'");
note sprintf '%d charges: %d kept, %d refunded; of %d that came late %d got their seats again; %d cards declined', scalar @charges, scalar(keys %charged),
  scalar(keys %refunds), $rebooked + $too_late, $rebooked, scalar(grep { $_->{status} eq 'failed' } @{ $books->{charges} });
cmp_ok(scalar(@charges), '>=', $CUSTOMERS, 'everybody has paid');
cmp_ok($rebooked, '>', 0, 'some who came late got their seats again');
cmp_ok($too_late, '>', 0, 'and others their money');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'all that without a fault of ours');

$stripe->stop;
$node->stop;
done_testing();

# One round of a group, and of one line: prepare, run, check.
package Round;
use v5.30;
use warnings;
use List::Util qw(max min pairs sum0);

# Before a rate counts: there each connection plans its statement and fills its caches.
my $WARM_UP = 2;

# Returns what there is to say of it.
sub of_group
{
	my ($bench, $group, $seconds) = @_;
	if ($group->{measure})
	{
		my $figures = $group->{measure}->($bench);
		push @{ $group->{rounds} }, $figures;
		return map { sprintf '%s %.4g', $_->key, $figures->{ $_->key } } pairs @{ $group->{facts} };
	}
	of_line($bench, $_, $seconds) for @{ $group->{lines} };
	return map { "$_->{name} " . int $_->{rounds}[-1]{rate} } @{ $group->{lines} };
}

sub of_line
{
	my ($bench, $line, $seconds) = @_;
	$bench   = $line->{on}->($bench) if $line->{on};
	$seconds = min($seconds, $line->{seconds} // $seconds);
	my $given  = $line->{prepare} ? $line->{prepare}->($bench, $seconds) : {};
	my $beside = $line->{beside}  ? $line->{beside}->($bench, $given)    : undef;
	my $again = $line->{again} ? run($bench, { name => $line->{again} }, {}, $seconds) : undef;
	my @before = counters($bench);
	my $report = run($bench, $line, $given, $seconds);
	$report->{again} = { $line->{again} => $again->{rate} } if $again;
	note_counters($line, $report, \@before, [ counters($bench) ]);
	push @{ $line->{rounds} }, $report;
	return check($bench, $line, $given, $report);
}

sub run
{
	my ($bench, $line, $given, $seconds) = @_;
	$bench->sql('CHECKPOINT') if !$line->{warm};
	return $bench->load($line->{script} // $line->{name}, $given,
		seconds   => $seconds,
		'warm-up' => $line->{warm} // min($WARM_UP, $seconds / 4),
		options($bench, $line));
}

sub options
{
	my ($bench, $line) = @_;
	my %options = map { $_ => $line->{$_} } grep { exists $line->{$_} } qw(clients expect touch);
	$options{clients} = $line->{clients}->($bench, $line) if ref $line->{clients};
	return (%options, $line->{target} ? $line->{target}->($bench) : ());
}

# WAL written; updates of seat blocks, and how many of them were HOT.
sub counters
{
	my ($bench) = @_;
	return split /\|/, $bench->sql("SELECT pg_current_wal_lsn() - '0/0', n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relid = 'tixbook.seat_block'::regclass");
}

sub note_counters
{
	my ($line, $report, $before, $after) = @_;
	my ($wal, $updates, $hot) = map { $after->[$_] - $before->[$_] } 0 .. 2;
	$report->{wal} = $wal / max(1, sum0(values %{ $report->{codes} })) if !$line->{elsewhere};
	$report->{hot} = $hot / $updates if $updates;
	return;
}

# Every call ended as it should (the last ones before the end of the round, too), and the data are sound.
sub check
{
	my ($bench, $line, $given, $report) = @_;
	my %fine = map { $_ => 1 } $line->{expect} // '00000', @{ $line->{allow} // [] };
	for my $code (sort grep { !$fine{$_} } keys %{ $report->{codes} })
	{
		$bench->fault("$line->{name}: $report->{codes}{$code} calls ended with $code: $report->{messages}{$code}");
	}
	$bench->fault("$line->{name}: not one call ended well") if !$report->{rate};
	$bench->fault("$line->{name}: nothing was left to call before the end of the round") if $report->{ran_out};
	my $wrong = $line->{check} ? $line->{check}->($bench, $given) : '';
	$bench->fault("$line->{name}: $wrong") if $wrong ne '';
	return;
}

1;

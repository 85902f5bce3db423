# What the sale came to.
package Report;
use v5.30;
use warnings;
use List::Util qw(sum0);
use Harness qw(percentile commify);

# Prints it and returns what was wrong.
sub print_report
{
	my ($sale) = @_;
	my @faults = @{ $sale->{faults} };
	print "\n";
	print_bookings($sale, \@faults);
	print_calls($sale);
	print_cache($sale);
	print_expiry($sale);
	print_trouble($sale, \@faults);
	print_realtime($sale, \@faults);
	print_laws($sale, \@faults);
	return @faults;
}

sub rows { my ($sale, $query) = @_; return $sale->{dbh}->selectall_arrayref($query, undef, $sale->{event}) }

sub print_bookings
{
	my ($sale, $faults) = @_;
	my ($sold, $capacity, $amount) = @{ rows($sale, <<~'SQL')->[0] };
		SELECT (SELECT count(*) FROM tixbook.ticket t WHERE t.event_id = e.event_id), e.capacity,
		       (SELECT sum(amount) / 100 FROM tixbook.booking b WHERE b.event_id = e.event_id AND status = 'confirmed')
		FROM tixbook.event e WHERE e.event_id = ?
		SQL
	my $states = rows($sale, 'SELECT status, count(*) FROM tixbook.booking WHERE event_id = ? GROUP BY 1 ORDER BY 2 DESC');
	my $total  = sum0(map { $_->[1] } @$states);
	printf "sold          %s of %s seats, %s EUR\n", commify($sold), commify($capacity), commify($amount // 0);
	printf "bookings      %s: %s\n", commify($total), join ', ', map { commify($_->[1]) . " $_->[0]" } @$states;
	printf "reservations  %.0f a second over %.0f s\n", $total / $sale->{lasted}, $sale->{lasted};
	push @$faults, 'nothing was sold' if !$sold;
	my $refusals = $sale->{refusals};
	printf "refusals      %s\n", join(', ', map { "$_ $refusals->{$_}" } sort keys %$refusals) || 'none';
	return;
}

sub print_calls
{
	my ($sale) = @_;
	for my $name (sort keys %{ $sale->{latency} })
	{
		my @values = @{ $sale->{latency}{$name} };
		printf "%-13s %s calls, p50 %.1f ms, p99 %.1f ms\n", $name, commify(scalar @values),
		  map { percentile($_, @values) } 0.5, 0.99;
	}
	return;
}

# What the crowd saw came from shared memory.
sub print_cache
{
	my ($sale) = @_;
	my ($used, $events, $loads, $evictions) = $sale->{dbh}->selectrow_array(
		'SELECT bytes_used / 1024, events, loads, evictions FROM tixbook.cache_status()');
	my $looks = @{ $sale->{latency}{look} // [] };
	printf "seat maps     %s looks from shared memory, %.0f a second; %s kB for %d events, loaded %d times, evicted %d\n",
	  commify($looks), $looks / $sale->{lasted}, commify($used), $events, $loads, $evictions;
	return;
}

# How long after its end the seats of a hold were free again, at worst.
sub print_expiry
{
	my ($sale) = @_;
	my ($count, $late) = @{ rows($sale, <<~'SQL')->[0] };
		SELECT (SELECT count(*) FROM tixbook.booking WHERE event_id = ? AND status = 'expired'),
		       (SELECT 1000 * extract(epoch FROM max_lag)::float8 FROM tixbook.worker_status() WHERE database_name = current_database() AND job = 'expiry')
		SQL
	printf "expiry        %s holds ended by themselves, at most %.0f ms late\n", commify($count), $late // 0;
	return;
}

# What was told to who watches in a browser, since the server started.
sub print_realtime
{
	my ($sale, $faults) = @_;
	my ($published, $failed, $dropped) = $sale->{dbh}->selectrow_array('SELECT published, failed, dropped FROM tixbook.publish_status()');
	printf "realtime      %s messages published, %d failed, %d bookings told to nobody\n", commify($published), $failed, $dropped;
	push @$faults, "$failed messages failed and $dropped bookings were told to nobody" if $failed || $dropped;
	return;
}

sub print_trouble
{
	my ($sale, $faults) = @_;
	my ($same, $different) = map { $sale->{repeats}{$_} // 0 } qw(same different);
	printf "repeats       %d requests sent twice, %d got the same answer\n", $same + $different, $same;
	printf "trouble       %d connections terminated, %d calls interrupted and repeated; expiry worker terminated %s\n",
	  $sale->{terminated} // 0, $sale->{interrupted}, $sale->{worker_terminated} ? 'once' : 'never';
	push @$faults, "$different repeated requests got another answer" if $different;
	return;
}

sub print_laws
{
	my ($sale, $faults) = @_;
	my $violations = $sale->{dbh}->selectall_arrayref('SELECT event_id, law, detail FROM tixbook.verify()');
	printf "violations    %d\n", scalar @$violations;
	say "  event $_->[0]: $_->[1] $_->[2]" for @$violations[ 0 .. ($#$violations > 9 ? 9 : $#$violations) ];
	push @$faults, scalar(@$violations) . ' violations of the laws' if @$violations;
	return;
}

1;

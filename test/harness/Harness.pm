# What the test, demo and bench scripts share: their settings, running programs, and a little statistics.
package Harness;
use v5.30;
use warnings;
use POSIX ();
use Exporter 'import';
our @EXPORT_OK = qw(setting work_dir bin_dir slurp spew run_program run_logged median percentile commify);

# NAME=VALUE on the command line (make passes its own on), else the environment, else the default.
sub setting
{
	my ($name, $default) = @_;
	for (@ARGV) { return $1 if /^\Q$name\E=(.*)$/s }
	return length($ENV{$name} // '') ? $ENV{$name} : $default;
}

sub work_dir { return $ENV{TIXBOOK_WORK} // die "start me with test/harness/run\n" }
sub bin_dir { return $ENV{TIXBOOK_BINDIR} // die "start me with test/harness/run\n" }

sub slurp
{
	my ($path) = @_;
	open my $in, '<', $path or die "cannot read $path: $!\n";
	local $/;
	return scalar <$in>;
}

sub spew
{
	my ($path, @text) = @_;
	open my $out, '>', $path or die "cannot write $path: $!\n";
	print {$out} @text;
	close $out or die "cannot write $path: $!\n";
	return;
}

# Returns what the program printed; dies with its output when it fails.
sub run_program
{
	my @command = @_;
	my ($status, $output) = run_logged(undef, @command);
	die "@command failed:\n$output" if $status;
	return $output;
}

# Both outputs into the log (if any); returns the exit status and the output.
sub run_logged
{
	my ($log, @command) = @_;
	my $pid = open(my $pipe, '-|') // die "cannot fork: $!\n";
	if (!$pid)
	{
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or do { print "cannot run $command[0]: $!\n"; POSIX::_exit(127) };
	}
	my $output = do { local $/; <$pipe> } // '';
	close $pipe;
	my $status = $?;
	spew($log, $output) if defined $log;
	return ($status, $output);
}

sub median { return percentile(0.5, @_) }

# By linear interpolation; undef of nothing.
sub percentile
{
	my ($fraction, @values) = @_;
	return undef if !@values;
	@values = sort { $a <=> $b } @values;
	my $at = $fraction * $#values;
	my ($low, $high) = @values[ int($at), int($at) + ($at > int($at)) ];
	return $low + ($at - int $at) * ($high - $low);
}

sub commify
{
	my $text = sprintf '%.0f', shift;
	1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
	return $text;
}

1;

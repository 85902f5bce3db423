# What the browser tests share: a shop with three houses behind the box office, and running a node script against it.
package Tixbook::Browser;
use v5.30;
use warnings;
use DBI;
use House;
use Test::More;
use Tixbook::Http;
use Exporter 'import';
our @EXPORT = qw(new_box_office run_script end_shop);

# Event 1 in a theatre, 2 in an arena, 3 in a bowl of 20,000 seats; options of new_shop.
sub new_box_office
{
	my $web    = new_shop(@_);
	my $server = $web->{server};
	my $dbh = DBI->connect($server->dsn('shop'), undef, undef, { RaiseError => 1, PrintError => 0, pg_enable_utf8 => -1 });
	House::open_doors($dbh, 'test/demo/plans');
	$dbh->disconnect;
	$server->psql('shop', '-f', 'test/browser/bowl.sql');
	return $web;
}

# The TAP of a script becomes a part of ours; it must reach its plan, and tell at least so many results.
# Pictures are taken into the directory of the setting SHOTS.
sub run_script
{
	my ($script, $least, @arguments) = @_;
	open my $output, '-|', 'node', "test/browser/$script", @arguments or die "cannot run node: $!\n";
	my ($told, $planned) = (0, -1);
	while (my $line = <$output>)
	{
		chomp $line;
		if    ($line =~ /^(not )?ok - (.*)/) { $told++; ok(!$1, $2) }
		elsif ($line =~ /^1\.\.(\d+)/)       { $planned = $1 }
		else                                 { diag($line) }
	}
	ok(close $output, "$script ends in order");
	is($told, $planned, 'and tells all its results');
	cmp_ok($told, '>=', $least, "which are $least or more");
	return;
}

1;

# make demo [SECONDS=60] [BUYERS=64] [FANS=100000] [TRIES=100] [KEEP=1]
# A theatre and an arena; the arena's sale opens, buyers crowd in, and at the end the laws are checked.  Then fans
# want to get into a stadium, a fifth of them bots that try so often, and the waiting room lets them in (FANS=0: without
# that).  The box office is open in the browser meanwhile; with KEEP=1 it stays open.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, map { "$FindBin::Bin/../$_" } qw(harness bench);
use DBI;
use Harness qw(setting work_dir spew);
use House;
use Report;
use Sale;
use Server;
use Surge;
use SurgeReport;
use View;
use Web;

STDOUT->autoflush;
binmode STDOUT, ':encoding(UTF-8)';
my ($seconds, $buyers, $fans) = (setting('SECONDS', 60), setting('BUYERS', 64), setting('FANS', 100_000));

my $server = Server->new('demo', conf => { max_connections => $buyers + 60, Web::server_settings() })->start;
$server->create_database('shop', 'tixbook');
$server->sql('shop', 'CREATE ROLE box_office LOGIN IN ROLE tixbook_application');
my $dbh = DBI->connect($server->dsn('shop'), undef, undef, { RaiseError => 1, PrintError => 0, pg_enable_utf8 => -1 });

my $arena = House::open_doors($dbh, "$FindBin::Bin/plans");
my $web   = Web->new(server => $server, database => 'shop')->start;
say "The box office is open: ", $web->url, "/";
my $dsn   = $server->dsn('shop', 'box_office');
my $sale  = Sale->new(
	dbh     => $dbh,
	dsn     => $dsn,
	event   => $arena,
	seconds => $seconds,
	buyers  => $buyers,
	log     => work_dir() . '/buyers.log',
	view    => View->new("Harbour Arena, $buyers buyers at once, and you: " . $web->url . '/'));
my @faults;
if ($seconds)
{
	$sale->run;
	push @faults, Report::print_report($sale);
	spew(work_dir() . '/out/demo-arena.svg', House::drawing($dbh, $arena));
}
push @faults, surge() if $fans;
if (setting('KEEP'))
{
	$server->leave_up;
	$web->leave_up;
	say "\nThe box office is still open: ", $web->url, "/\nConnect to the server:\n  ", $server->connect_command('shop'),
	  "\nStop and remove it all:\n  ", join '; ', $web->stop_command, $server->stop_command;
}
say "failed: $_" for @faults;
exit(@faults ? 1 : 0);

# What went wrong in it; its chart is for docs/.
sub surge
{
	my $surge = Surge->new(
		dbh   => $dbh,
		dsn   => $dsn,
		fans  => $fans,
		tries => setting('TRIES', 100),
		log   => work_dir() . '/crowds.log',
		view  => View->new('A stadium, ' . Harness::commify($fans) . ' at its waiting room, and you: ' . $web->url . '/'));
	say '';
	$surge->run;
	spew(work_dir() . '/out/docs/waitingroom-surge.svg', SurgeReport::drawing($surge)) if $surge->{fans} >= 100_000;
	return SurgeReport::print_report($surge);
}

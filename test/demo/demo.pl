# make demo [SECONDS=60] [BUYERS=64] [KEEP=1]
# A theatre and an arena; the arena's sale opens, buyers crowd in, and at the end the laws are checked.
# The box office is open in the browser meanwhile; with KEEP=1 it stays open.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../harness";
use DBI;
use Harness qw(setting work_dir spew);
use House;
use Report;
use Sale;
use Server;
use View;
use Web;

STDOUT->autoflush;
binmode STDOUT, ':encoding(UTF-8)';
my ($seconds, $buyers) = (setting('SECONDS', 60), setting('BUYERS', 64));

my $server = Server->new('demo', conf => { max_connections => $buyers + 60, Web::server_settings() })->start;
$server->create_database('shop', 'tixbook');
$server->sql('shop', 'CREATE ROLE box_office LOGIN IN ROLE tixbook_application');
my $dbh = DBI->connect($server->dsn('shop'), undef, undef, { RaiseError => 1, PrintError => 0, pg_enable_utf8 => -1 });

my $arena = House::open_doors($dbh, "$FindBin::Bin/plans");
my $web   = Web->new(server => $server, database => 'shop')->start;
say "The box office is open: ", $web->url, "/";
my $sale  = Sale->new(
	dbh     => $dbh,
	dsn     => $server->dsn('shop', 'box_office'),
	event   => $arena,
	seconds => $seconds,
	buyers  => $buyers,
	log     => work_dir() . '/buyers.log',
	view    => View->new("Harbour Arena, $buyers buyers at once, and you: " . $web->url . '/'));
$sale->run;

my @faults = Report::print_report($sale);
spew(work_dir() . '/out/demo-arena.svg', House::drawing($dbh, $arena));
if (setting('KEEP'))
{
	$server->leave_up;
	$web->leave_up;
	say "\nThe box office is still open: ", $web->url, "/\nConnect to the server:\n  ", $server->connect_command('shop'),
	  "\nStop and remove it all:\n  ", join '; ', $web->stop_command, $server->stop_command;
}
say "failed: $_" for @faults;
exit(@faults ? 1 : 0);

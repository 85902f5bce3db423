# docs/reference.md says what the database says.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node = new_node('reference');
my ($made, $errors) = run_command(
	[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', 'docs/reference.sql', '-d', $node->connstr('postgres') ]);
is($errors, '', 'docs/reference.sql runs');
chomp(my $written = slurp_file('docs/reference.md'));
is($made, $written, 'docs/reference.md is what docs/reference.sql makes');

# Each page that another one links to is there.
for my $page ('README.md', glob 'docs/*.md')
{
	my ($folder) = $page =~ m{^(.*/)?};
	my @broken = grep { !-e (($folder // '') . $_) } map { s/#.*//r } slurp_file($page) =~ m{\]\((?!http|#)([^)]+)\)}g;
	is("@broken", '', "links of $page");
}

$node->stop;
done_testing();

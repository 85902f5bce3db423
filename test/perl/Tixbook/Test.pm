# What the TAP tests share: servers with the extension, a small house on sale, a look at the workers.
package Tixbook::Test;
use v5.30;
use warnings;
use DBD::Pg ':async';
use DBI;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';
our @EXPORT = qw(new_node new_house connect_to terminate_waiting wait_for_worker worker_pid worker_value naps tixbook_processes);

# A started server with the extension in database postgres.
# preload => 0: without the workers; extension => 0: without CREATE EXTENSION;
# streaming => 1: standbys may follow; conf => [lines].
sub new_node
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $opt{streaming} // 0);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tixbook'") if $opt{preload} // 1;
	$node->append_conf('postgresql.conf', $_) for @{ $opt{conf} // [] };
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION tixbook CASCADE') if $opt{extension} // 1;
	return $node;
}

# A venue of so many rows of so many seats, one category at 50.00, and an event in it on sale.
# Returns the event_id; further options are parameters of create_event.
sub new_house
{
	my ($node, $database, $rows, $seats, %opt) = @_;
	state $houses = 0;
	my $name  = 'house ' . ++$houses;
	my $extra = join '', map { ", $_ => $opt{$_}" } sort keys %opt;
	return $node->safe_psql($database, <<~SQL);
		SELECT tixbook.import_seating_plan(pg_catalog.jsonb_build_object(
		    'name', '$name', 'size', '{"width": 1000, "height": 1000}'::jsonb,
		    'categories', '[{"name": "Standard"}]'::jsonb,
		    'zones', jsonb_build_array(jsonb_build_object(
		        'name', 'Stalls', 'position', '{"x": 0, "y": 0}'::jsonb,
		        'rows', (SELECT jsonb_agg(jsonb_build_object(
		            'row_number', r::text, 'position', jsonb_build_object('x', 0, 'y', 20 * r),
		            'seats', (SELECT jsonb_agg(jsonb_build_object(
		                'seat_guid', r || '-' || s, 'seat_number', s::text, 'category', 'Standard',
		                'position', jsonb_build_object('x', 20 * s, 'y', 0)) ORDER BY s)
		                FROM generate_series(1, $seats) s)) ORDER BY r)
		            FROM generate_series(1, $rows) r))))) AS venue \\gset
		SELECT tixbook.create_event(:venue, '$name', now() + interval '90 days',
		    '{"Standard": 5000}'$extra) AS event \\gset
		SELECT FROM tixbook.open_sale(:event);
		\\echo :event
		SQL
}

# A session in database postgres.
sub connect_to
{
	my ($node) = @_;
	return DBI->connect(sprintf('dbi:Pg:host=%s;port=%s;dbname=postgres', $node->host, $node->port),
		undef, undef, { RaiseError => 1, PrintError => 0 });
}

# Begins a statement in a session that waits for a table, which others have locked, and terminates it there.
sub terminate_waiting
{
	my ($node, $lock, $statement) = @_;
	my ($blocker, $victim) = map { connect_to($node) } 1 .. 2;
	my $pid = $victim->{pg_pid};
	$blocker->begin_work;
	$blocker->do("LOCK TABLE $lock");
	$victim->do($statement, { pg_async => PG_ASYNC });
	ok($node->poll_query_until('postgres', "SELECT wait_event = 'relation' FROM pg_stat_activity WHERE pid = $pid"), 'it has begun');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid"), 'and is terminated');
	$blocker->commit;
	$blocker->disconnect;
	return;
}

# Waits until the worker of the database sleeps; returns its pid.
sub wait_for_worker
{
	my ($node, $database, $other_than) = @_;
	$other_than ||= 0;
	$node->poll_query_until('postgres', <<~SQL) or die "no worker came to $database";
		SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'tixbook expiry worker' AND datname = '$database'
		  AND pid <> $other_than AND state = 'idle'
		SQL
	return worker_pid($node, $database);
}

sub worker_pid
{
	my ($node, $database) = @_;
	return $node->safe_psql('postgres', <<~SQL);
		SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'tixbook expiry worker' AND datname = '$database'
		SQL
}

# An expression over the expiry worker's row of tixbook.worker_status(), asked in database postgres.
sub worker_value
{
	my ($node, $database, $expression) = @_;
	return $node->safe_psql('postgres',
		"SELECT $expression FROM tixbook.worker_status() WHERE database_name = '$database' AND job = 'expiry'");
}

# How often a process has gone to sleep of its own will.
sub naps
{
	my ($pid) = @_;
	my ($naps) = slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m;
	return $naps;
}

sub tixbook_processes
{
	my ($node) = @_;
	return $node->safe_psql('postgres', <<~SQL);
		SELECT coalesce(string_agg(backend_type || coalesce(' in ' || datname, ''), ', '
		                           ORDER BY backend_type, datname), 'none')
		FROM pg_stat_activity WHERE backend_type LIKE 'tixbook%'
		SQL
}

1;

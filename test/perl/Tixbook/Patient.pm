# A connection that outlives the server: what is asked while the server is away is asked again once it is back, which
# must be within a minute.
package Tixbook::Patient;
use v5.30;
use warnings;
use DBI;

sub new
{
	my ($class, $dsn) = @_;
	return bless { dsn => $dsn }, $class;
}

# Rows as arrays; undef and the SQLSTATE where the server refuses. Whoever asks must be able to ask twice.
sub ask
{
	my ($self, $query, @values) = @_;
	while (1)
	{
		my $dbh  = $self->connection;
		my $rows = eval { $dbh->selectall_arrayref($dbh->prepare_cached($query), undef, @values) };
		return $rows if $rows;
		my ($state, $error) = ($dbh->state, $@);
		# A connection that broke has no state of its own.
		if ($state =~ /^(?:57P0|08)/ || !$dbh->ping) { $self->lose }
		elsif ($state =~ /^TB/) { return (undef, $state) }
		else                    { die $error }
	}
}

sub connection
{
	my ($self) = @_;
	my %options = (RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1);
	for (1 .. 600)
	{
		$self->{dbh} //= eval { DBI->connect($self->{dsn}, undef, undef, \%options) };
		return $self->{dbh} if $self->{dbh};
		select undef, undef, undef, 0.1;
	}
	die "no server: $DBI::errstr\n";
}

sub lose
{
	my ($self) = @_;
	my $dbh = delete $self->{dbh};
	$_->{InactiveDestroy} = 1 for values %{ $dbh->{CachedKids} };
	$dbh->{InactiveDestroy} = 1;
	$self->{lost}++;
	return;
}

1;

# A connection that outlives the server: what is asked while the server is away is asked again once it is back.
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
		$self->connect;
		my $rows = eval { $self->{dbh}->selectall_arrayref($self->{dbh}->prepare_cached($query), undef, @values) };
		return $rows if $rows;
		my $state = $self->{dbh}->state;
		die $@ if $state =~ /^(?:42|XX|22)/;
		return (undef, $state) if $state =~ /^(?:TB|23|P0)/;
		delete $self->{dbh};
		$self->{lost}++;
	}
}

sub connect
{
	my ($self) = @_;
	my %options = (RaiseError => 1, PrintError => 0, AutoInactiveDestroy => 1);
	until ($self->{dbh})
	{
		$self->{dbh} = eval { DBI->connect($self->{dsn}, undef, undef, \%options) };
		select undef, undef, undef, 0.1 if !$self->{dbh};
	}
	return;
}

1;

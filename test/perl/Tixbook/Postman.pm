# Carries webhooks from the local Stripe server to payment_webhook, as a web server would; what is not taken comes again.
package Tixbook::Postman;
use v5.30;
use warnings;
use Tixbook::Patient;

# Until the file $until is there; returns counts: how many were taken, or refused and why.
sub run
{
	my ($stripe, $dsn, $until) = @_;
	my $db = Tixbook::Patient->new($dsn);
	my %counts;
	until (-e $until)
	{
		my @taken;
		my $deliveries = $stripe->admin('webhooks/fetch', { max => 20 });
		for my $delivery (@$deliveries)
		{
			my ($rows, $refused) = $db->ask('SELECT tixbook.payment_webhook(?, ?)', @$delivery{qw(body signature)});
			$counts{ $rows ? 'taken' : $refused }++;
			push @taken, $delivery->{id} if $rows;
		}
		$stripe->admin('webhooks/take', { ids => \@taken }) if @taken;
		select undef, undef, undef, 0.05 if !@$deliveries;
	}
	return \%counts;
}

1;

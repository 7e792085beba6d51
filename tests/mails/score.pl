# The scores that SpamAssassin's packaged rules give mails: a line for each file named on standard input, with the score and
# the rules that have hit. No network, no learning, no preferences of this machine.
use strict;
use warnings;
use Mail::SpamAssassin;

my ($home) = @ARGV;
my $assassin = Mail::SpamAssassin->new({
  local_tests_only     => 1,
  dont_copy_prefs      => 1,
  userprefs_filename   => '/dev/null',
  rules_filename       => '/usr/share/spamassassin',
  userstate_dir        => $home,
  home_dir_for_helpers => $home,
  post_config_text     => "use_bayes 0\n",
});
$assassin->compile_now(0, 1);
$| = 1;
while (my $path = <STDIN>) {
  chomp $path;
  open my $file, '<:raw', $path or die "$path: $!";
  my $text = do { local $/; <$file> };
  close $file;
  my $mail  = $assassin->parse($text, 1);
  my $found = $assassin->check($mail);
  my $scores = $found->{conf}->{scores};
  print join(' ', $found->get_score(), map { "$_=" . ($scores->{$_} // 1) } @{ $found->{test_names_hit} }), "\n";
  $found->finish;
  $mail->finish;
}

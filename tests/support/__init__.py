"""What several test files share: hand-made rows, fakes and small studies."""

"""The static checks that the house writes itself; tools/check runs them and describes each."""

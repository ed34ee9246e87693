"""Many runs beside each other: recipes x settings x seeds, and one table at the end."""
